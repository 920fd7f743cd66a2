"""Every table in one import, for the migrations and for tests that look at all of them."""

from models.artifacts import Artifact
from models.batches import Batch, Item
from models.books import Book, Entry
from models.calls import Call
from models.characters import Asset, Character
from models.db import Base
from models.idempotency import KeptAnswer
from models.jobs import Job, JobLog, Step
from models.owners import ApiKey, Owner
from models.profiles import Profile, ProfileVersion
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
    "Entry",
    "Item",
    "Job",
    "JobLog",
    "KeptAnswer",
    "Owner",
    "Profile",
    "ProfileVersion",
    "Step",
    "Worker",
]
