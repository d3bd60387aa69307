"""The image, built without a registry and run as it is meant to be: user 10001, no capabilities, a read-only root."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from test_proxy import free_port

ROOT = Path(__file__).parent.parent
TAG = "localhost/ralph:test"
STORED_BYTES_MAX = 500_000_000
READY_S = 900.0  # the first start compiles every kernel
PROTECTED = """
    set -e
    root=$1 && shift
    mount --make-rprivate /
    mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
    mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=1777,size=256m tmpfs "$root/tmp"
    mount -t tmpfs -o mode=0700,uid=10001,gid=10001,size=4g tmpfs "$root/var/lib/ralph"
    exec chroot "$root" setpriv --no-new-privs --reuid 10001 --regid 10001 --clear-groups \
        --bounding-set=-all --inh-caps=-all /usr/bin/env -i "$@"
"""
VARIABLES = (
    "PATH=/opt/ralph/bin:/usr/bin:/bin",
    "HOME=/var/lib/ralph",
    "RALPH_HOME=/var/lib/ralph",
    "NUMBA_CACHE_DIR=/var/lib/ralph/kernels",
    "PYTHONDONTWRITEBYTECODE=1",
)
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The image's root and its archive."""
    missing = [name for name in ("buildah", "mmdebstrap", "uv") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"building an image needs root and {', '.join(missing) or 'nothing else'}")
    folder = tmp_path_factory.mktemp("image")
    subprocess.run([ROOT / "ops" / "image" / "build", folder, TAG], check=True)
    storage = {**os.environ, "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"), "BUILDAH_ISOLATION": "chroot"}

    def buildah(*arguments: str) -> str:
        answer = subprocess.run(["buildah", *arguments], env=storage, check=True, capture_output=True, text=True)
        return answer.stdout.strip()

    container = buildah("from", "--pull-never", "--signature-policy", str(folder / "policy.json"), TAG)
    try:
        yield Path(buildah("mount", container)), folder / "ralph.tar"
    finally:
        buildah("umount", container)
        shutil.rmtree(folder)


def test_the_image_is_small(built: tuple[Path, Path]) -> None:
    """As it is stored and carried; without a compiler, pip, or any file that root may be become by."""
    root, archive = built
    assert archive.stat().st_size <= STORED_BYTES_MAX
    for program in ("gcc", "cc", "make", "pip", "git"):
        assert not any((root / folder / program).exists() for folder in ("usr/bin", "opt/ralph/bin")), program
    assert (root / "opt/ralph/sbom.cdx.json").stat().st_size > 1_000
    writable = [path for path in (root / "opt").rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]
    assert not writable


def test_the_image_serves_on_a_read_only_root(built: tuple[Path, Path]) -> None:
    """With everything in it, as 10001, without a capability; nothing is written outside its volume and /tmp."""
    root, _ = built
    port = free_port()
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", PROTECTED, "bash", str(root)]
    with (root.parent / "serves.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *VARIABLES, "ralph", "up", "--no-open", "--no-demo", "--port", str(port)], stdout=log, stderr=log
        )
    try:
        smoke = ["python3", str(ROOT / "ops" / "smoke.py"), f"http://127.0.0.1:{port}", str(READY_S)]
        answer = subprocess.run(smoke, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr + (root.parent / "serves.log").read_text()[-2_000:]
        states = [status for status in statuses() if f"--port\0{port}" in status[0]]
        assert states
        for _, status in states:
            if "CapEff:\t0000000000000000" in status:
                assert "Uid:\t10001\t10001\t10001\t10001" in status
                assert "NoNewPrivs:\t1" in status
        assert any("Uid:\t10001" in status for _, status in states)
        assert httpx.get(f"http://127.0.0.1:{port}/health/ready").json()["parts"]["database"]["ok"]
    finally:
        process.kill()
        process.wait()
        time.sleep(0.5)


def statuses() -> Iterator[tuple[str, str]]:
    """Command line and status of every process."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                yield (folder / "cmdline").read_text(), (folder / "status").read_text()
            except OSError:
                continue
