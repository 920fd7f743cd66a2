"""Celery's settings, each with its reason.

PostgreSQL owns the work; a message is only a hint that some of it may be runnable.
"""

from kombu import Exchange, Queue

import settings

broker_url = settings.load().redis_url

# Results are rows in PostgreSQL: a result backend would be a second, weaker truth.
result_backend = None
task_ignore_result = True

# --- Delivery ---------------------------------------------------------------------------------------------------
# A message is acknowledged when its step has ended, so that a dying worker leaves it behind. What it leaves is
# delivered again; the claim in PostgreSQL makes the second delivery harmless.
task_acks_late = True
# Prefork only: a killed child's message goes back too, instead of being failed.
task_reject_on_worker_lost = True
# A step that fails has said so in its row; delivering its message again would only repeat that. One that could not
# even be claimed, for minutes, has said nothing, and is found by upkeep.
task_acks_on_failure = True
task_acks_on_timeout = True
# Take only what can start now: with late acks each reserved message is one that no other worker can take.
worker_prefetch_multiplier = 1
# With the threads pool the prefetch count fell to 1 after a connection loss and stayed there (celery#9512).
worker_enable_prefetch_count_reduction = False
# True would abort paid calls at every blip of the broker; the fence in PostgreSQL makes finishing them safe.
worker_cancel_long_running_tasks_on_connection_loss = False

# --- Queues -----------------------------------------------------------------------------------------------------
task_default_exchange = "cardforge"
task_default_queue = "upkeep"
task_queues = [
    Queue(name, Exchange("cardforge"), routing_key=name)
    for name in ("generation", "lorebook", "export", "upkeep", "webhooks")
]
# A task sent to a misspelt queue would wait there for ever.
task_create_missing_queues = False

# --- Redis ------------------------------------------------------------------------------------------------------
broker_transport_options = {
    "global_keyprefix": "cardforge:",
    # Long: nothing extends it, and a message whose step outlives it is delivered again (the claim then drops it).
    "visibility_timeout": 3600,
    # One look for abandoned messages every 5 s (kombu's defaults make that about 100 s).
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # Queues are drained in the order of -Q, so that begun jobs are finished before new ones are begun; and
    # priorities 0 (first), 3, 6, 9 each have a list of their own.
    "queue_order_strategy": "priority",
    "priority_steps": [0, 3, 6, 9],
    # kombu's default is to wait for ever on a dead connection.
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
    # The default of 10 starves a pool of hundreds of threads when they acknowledge.
    "max_connections": 1000,
}
broker_pool_limit = 20
broker_connection_timeout = 5
# Keep trying for ever: the supervisor starts workers before, or while, Redis is away.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
# LOADING and READONLY answers are a restart in progress, not an end.
broker_channel_error_retry = True
# A step sends its successor when it ends. If Redis is away just then, wait for it up to two minutes: the default of
# three tries in 0.6 s loses the tail of the chain (upkeep would find it, later). The web sends with less patience.
task_publish_retry = True
task_publish_retry_policy = {
    "max_retries": 60,
    "interval_start": 0.2,
    "interval_step": 0.3,
    "interval_max": 2,
}

# --- Workers ----------------------------------------------------------------------------------------------------
# Events are what Flower watches.
worker_send_task_events = True
task_send_sent_event = True
# Our logs are JSON lines (logs.py).
worker_hijack_root_logger = False
worker_redirect_stdouts = False
# Time limits of steps are deadlines of our own: the threads pool ignores Celery's without a word.
# SIGTERM in prefork: wait so long for what runs before it is handed back.
worker_soft_shutdown_timeout = 10

# --- Messages ---------------------------------------------------------------------------------------------------
# Ids and numbers only; and only JSON is read, so that nobody who reaches Redis can have code run.
task_serializer = "json"
accept_content = ["json"]
timezone = "UTC"
enable_utc = True

# --- Beat -------------------------------------------------------------------------------------------------------
# A tick that nobody took within its interval is of no use: the next is there.
beat_schedule = {
    "upkeep": {
        "task": "upkeep",
        "schedule": settings.engine().upkeep,
        "options": {"queue": "upkeep", "expires": settings.engine().upkeep},
    },
}
