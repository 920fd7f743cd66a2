"""Every code of an error answer: its status, when it comes, what to do. `python -m schemas.codes > docs/errors.md`."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """A code that answers name in `error`."""

    code: str
    status: int
    when: str
    remedy: str


CODES = (
    Code("BAD_REQUEST", 400, "The body is not JSON, or the request is not HTTP.", "Mend what the message names."),
    Code("UNAUTHENTICATED", 401, "No API key, or one that is unknown, expired or revoked.", "Send a good key."),
    Code("FORBIDDEN", 403, "The key lacks the scope, or what it asks for is read-only.", "Use a key that may; clone."),
    Code("PROFILE_READ_ONLY", 403, "The profile is built in.", "Clone it, and edit the copy."),
    Code("NOT_FOUND", 404, "There is no such thing, or it is another owner's.", "Look the id up in its list."),
    Code("METHOD_NOT_ALLOWED", 405, "The address is good, the method is not.", "See the header Allow."),
    Code("REQUEST_TIMEOUT", 408, "The request did not arrive in full in its time.", "Send it again, without pauses."),
    Code(
        "WRONG_STATE", 409, "What is there is not in a state that allows this.", "See details; wait, or do that first."
    ),
    Code("BATCH_HAS_NO_FILES", 409, "No item of the batch has a file of these formats.", "Wait, or take other ones."),
    Code("BATCH_NOT_CANCELLABLE", 409, "The batch has ended.", "Nothing: nothing of it runs."),
    Code("BATCH_NOT_TERMINAL", 409, "The batch has not ended.", "Cancel it, or wait for its end."),
    Code("CHARACTER_IN_USE", 409, "A job that has not ended needs the character.", "Cancel the job, or wait."),
    Code("DUPLICATE_NAME", 409, "Another profile of yours has this name.", "Choose another name, or edit that one."),
    Code("IDEMPOTENCY_KEY_IN_USE", 409, "The first request with this Idempotency-Key still runs.", "Ask again later."),
    Code("JOB_ALREADY_RETRIED", 409, "The job has been retried.", "Follow `retried_by`."),
    Code("JOB_INVALID", 409, "The item was refused as invalid.", "Mend it by its `error`, and submit it anew."),
    Code("JOB_NOT_CANCELLABLE", 409, "The job has ended.", "Nothing: it does not run."),
    Code(
        "JOB_NOT_COMPLETED", 409, "The job has made nothing yet, or never will.", "Wait for `completed`; see `error`."
    ),
    Code("JOB_NOT_TERMINAL", 409, "The job has not ended.", "Cancel it, or wait for its end."),
    Code("KEY_NOT_USABLE", 409, "The API key is revoked or expired.", "Make a new one."),
    Code("LAST_ADMIN_KEY", 409, "No other key of yours has the scope `admin`.", "Make one first, then revoke this."),
    Code("NOTHING_TO_RETRY", 409, "The batch has no failed items.", "For cancelled ones, say `include_cancelled`."),
    Code("WEBHOOKS_OFF", 409, "Webhooks cannot be signed here.", "Have WEBHOOK_SECRET set on the server."),
    Code("BOOK_VERSION_CONFLICT", 412, "The lorebook was edited since you read it.", "Read it again, and edit that."),
    Code("CHARACTER_VERSION_CONFLICT", 412, "The character was edited since you read it.", "Read it, and edit that."),
    Code("PROFILE_VERSION_CONFLICT", 412, "The profile was edited since you read it.", "Read it again, and edit that."),
    Code(
        "TOO_LARGE", 413, "The body is larger than 32 MiB, or a form has too much in it.", "See the message; send less."
    ),
    Code("URI_TOO_LONG", 414, "The address is longer than 4,094 bytes.", "Put less into the query."),
    Code("UNSUPPORTED_MEDIA_TYPE", 415, "The body is of another type than the route takes.", "Set Content-Type."),
    Code("EXPECTATION_FAILED", 417, "The header Expect asks for what is not known.", "Leave it out."),
    Code(
        "VALIDATION_ERROR", 422, "A field or a parameter is unknown, missing or wrong.", "Mend the fields in details."
    ),
    Code("CARD_TOO_LARGE", 422, "The card is larger than a card may be.", "Take some of it out."),
    Code("EXPORT_FAILED", 422, "The card cannot be written in this format.", "See the message; take another format."),
    Code("IDEMPOTENCY_KEY_REUSED", 422, "The Idempotency-Key came with another request before.", "Take a new one."),
    Code("IMPORT_FAILED", 422, "None of the files can be imported.", "See details for each file."),
    Code(
        "INVALID_CARD", 422, "What was sent is no card, or it cannot be read.", "See the message; try /validate/card."
    ),
    Code("INVALID_PICTURE", 422, "What was sent is no picture that can be used.", "Send PNG, JPEG, WebP or GIF."),
    Code("PRECONDITION_REQUIRED", 428, "A change came without If-Match.", "Send the ETag that reading it gave."),
    Code("QUOTA_EXCEEDED", 429, "The day's tokens or dollars are used up.", "Wait as long as Retry-After says."),
    Code("RATE_LIMITED", 429, "The key asks too often.", "Wait as long as Retry-After says; batch."),
    Code("HEADERS_TOO_LARGE", 431, "More than 64 headers, or one of more than 8 KiB.", "Send fewer."),
    Code("INTERNAL", 500, "A fault of Cardforge's.", "Report the request id; the log has the reason."),
    Code("NOT_IMPLEMENTED", 501, "A transfer coding that is not known.", "Use chunked, or Content-Length."),
    Code("BUSY", 503, "More requests than can be worked on.", "Wait as long as Retry-After says."),
    Code("TOO_MANY_STREAMS", 503, "Too many streams (events, results, ZIPs) are open.", "Close some, or poll."),
    Code("SERVICE_UNAVAILABLE", 503, "The database or the queue is away.", "Wait as long as Retry-After says."),
)
BY_CODE = {code.code: code for code in CODES}

HEAD = """# Errors

Every error answer has one shape:

```json
{"error": "CODE", "message": "for people", "details": {"field.path": ["what is wrong with it"]}, "request_id": "..."}
```

Programs decide by `error`: codes are stable, messages are not. `request_id` is also in the header `X-Request-ID` and
finds the request's lines in the log. A conflict of versions (412) has `current_version`, `your_version` and
`updated_at` beside these. Why a *job* failed is in its own `error`, with codes of the engine (`PROVIDER_...`,
`LINT_FAILED`, ...).

| status | code | when | what to do |
|---|---|---|---|
"""


def page() -> str:
    """Return the page as Markdown."""
    return HEAD + "".join(f"| {one.status} | `{one.code}` | {one.when} | {one.remedy} |\n" for one in CODES)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - a command
