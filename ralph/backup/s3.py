"""A vault in a bucket of S3-compatible storage. Address and keys come from the variables S3 programs share."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from ralph.backup.sealing import Source
from ralph.errors import BadBackup, Misconfigured, Unavailable

PART_BYTES = 64 << 20  # what is held in memory of an upload whose size nobody knows
ENDPOINT = "https://s3.amazonaws.com"


class Bucket:
    """A bucket and a prefix in it. An object appears whole, by the storage's own promise.

    AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the last two also as `..._FILE`.
    Misconfigured where the library or a variable is missing.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        try:
            import minio
        except ImportError as error:
            raise Misconfigured(
                "backups to S3 need the extra: pip install 'ralph[s3]'", field="backup.to", accepted="a folder"
            ) from error
        scheme, _, host = os.environ.get("AWS_ENDPOINT_URL", ENDPOINT).partition("://")
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._failures: tuple[type[Exception], ...] = (minio.error.MinioException, OSError, *_transport_errors())
        self._client: Any = minio.Minio(
            host.rstrip("/"),
            access_key=_variable("AWS_ACCESS_KEY_ID"),
            secret_key=_variable("AWS_SECRET_ACCESS_KEY"),
            secure=scheme == "https",
            region=os.environ.get("AWS_REGION", "us-east-1"),
        )

    def put(self, name: str, content: Source) -> None:
        """Upload in parts."""
        with self._reached("written", name):
            self._client.put_object(self._bucket, self._prefix + name, content, length=-1, part_size=PART_BYTES)

    @contextlib.contextmanager
    def get(self, name: str) -> Iterator[IO[bytes]]:
        """Download as it is read."""
        with self._reached("read", name):
            answer = self._client.get_object(self._bucket, self._prefix + name)
        try:
            yield cast("IO[bytes]", answer)
        finally:
            answer.close()
            answer.release_conn()

    def names(self, under: str = "") -> list[str]:
        """All pages of them."""
        with self._reached("listed", under or "everything"):
            found = self._client.list_objects(self._bucket, prefix=self._prefix + under, recursive=True)
            return sorted(str(each.object_name).removeprefix(self._prefix) for each in found)

    def remove(self, name: str) -> None:
        """Remove it; where the bucket keeps versions, they stay."""
        with self._reached("removed", name):
            self._client.remove_object(self._bucket, self._prefix + name)

    @contextlib.contextmanager
    def _reached(self, what: str, name: str) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            if getattr(error, "code", None) == "NoSuchKey":
                raise BadBackup(f"the backup's file {name} cannot be read: there is none", field=name) from error
            raise Unavailable(
                f"{name} cannot be {what} in the bucket {self._bucket}: {error}", field="backup.to"
            ) from error


def _transport_errors() -> tuple[type[Exception], ...]:
    import urllib3

    return (urllib3.exceptions.HTTPError,)


def _variable(name: str) -> str:
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise Misconfigured(f"{name}_FILE: {path} cannot be read: {error.strerror}", field=name) from error
    if value := os.environ.get(name):
        return value
    raise Misconfigured(f"backups to S3 need {name} or {name}_FILE", field=name)
