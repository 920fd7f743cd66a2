"""The work: a Celery app, the registry of kinds and steps, and what each step does. The one home of Celery."""
