"""The digest of values that JSON can hold: equal values have one digest. Pure."""

import hashlib
import json


def json_digest(value: object) -> str:
    """Compute the SHA-256 of a value by its JSON; 64 hex digits."""
    # JSON keeps apart what a plain join would run together: ["ab", "c"] is not ["a", "bc"].
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Digests of approved pages are stored: another way to write the JSON would take all back.
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()
