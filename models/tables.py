"""Every table in one import, for the migrations and for tests that look at all of them."""

from models.artifacts import Artifact
from models.batches import Batch, Item
from models.books import Book, Entry
from models.calls import Call
from models.characters import Asset, Character
from models.db import Base
from models.deliveries import Delivery
from models.events import Event
from models.idempotency import KeptAnswer
from models.jobs import Job, Step
from models.owners import ApiKey, Owner
from models.prices import ModelPrice, PriceSource
from models.profiles import Profile, ProfileVersion
from models.shared import SharedQuestion
from models.usage import DailyUsage
from models.workers import Worker

__all__ = [
    "ApiKey",
    "Artifact",
    "Asset",
    "Base",
    "Batch",
    "Book",
    "Call",
    "Character",
    "DailyUsage",
    "Delivery",
    "Entry",
    "Event",
    "Item",
    "Job",
    "KeptAnswer",
    "ModelPrice",
    "Owner",
    "PriceSource",
    "Profile",
    "ProfileVersion",
    "SharedQuestion",
    "Step",
    "Worker",
]
