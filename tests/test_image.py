"""The image, built without a registry and run as it is meant to be: user 10001, no capabilities, a read-only root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG

import httpx
import pytest
from test_proxy import free_port

ROOT = Path(__file__).parent.parent
TAG = "localhost/ralph:test"
UNPACKED_BYTES_MAX = 500_000_000
READY_S = 900.0  # the first start compiles every kernel
PROTECTED = """
    set -e
    root=$1 && shift
    mount --make-rprivate /
    mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
    mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=1777,size=256m tmpfs "$root/tmp"
    mount -t tmpfs -o mode=0700,uid=10001,gid=10001,size=4g tmpfs "$root/var/lib/ralph"
    export PATH=/opt/ralph/bin:/usr/bin:/bin HOME=/var/lib/ralph RALPH_HOME=/var/lib/ralph
    export NUMBA_CACHE_DIR=/var/lib/ralph/kernels PYTHONDONTWRITEBYTECODE=1
    exec /usr/bin/setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \
        /usr/bin/unshare --root "$root" --wd / --setgid 10001 --setuid 10001 "$@"
"""
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The image's root."""
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
        yield Path(buildah("mount", container))
    finally:
        buildah("umount", container)
        shutil.rmtree(folder)


def test_the_image_is_small(root: Path) -> None:
    """Unpacked; without a compiler, a package manager, or any file that root may be become by."""
    held = {(found.st_ino, found.st_size) for path in root.rglob("*") if S_ISREG((found := path.lstat()).st_mode)}
    unpacked = sum(size for _, size in held)
    sys.stderr.write(f"the image is {unpacked / 1e6:.0f} MB\n")
    assert unpacked <= UNPACKED_BYTES_MAX
    for program in ("gcc", "cc", "make", "pip", "git", "apt", "dpkg", "perl", "bash", "curl"):
        places = ("usr/bin", "usr/sbin", "usr/local/bin", "opt/ralph/bin")
        assert not any((root / folder / program).exists() for folder in places), program
    assert not [path for path in root.rglob("*") if path.is_file() and path.lstat().st_mode & 0o6000]
    listed = (root / "var/lib/dpkg/status").read_text()
    assert {"Package: libc6", "Package: libssl3"} <= set(listed.splitlines())
    assert (root / "opt/ralph/sbom.cdx.json").stat().st_size > 1_000
    writable = [path for path in (root / "opt").rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]
    assert not writable


def test_the_image_serves_on_a_read_only_root(root: Path) -> None:
    """With everything in it, as 10001, without a capability; nothing is written outside its volume and /tmp."""
    port = free_port()
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", PROTECTED, "bash", str(root)]
    with (root.parent / "serves.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "ralph", "up", "--no-open", "--no-demo", "--port", str(port)],
            env={"PATH": os.environ["PATH"]},
            stdout=log,
            stderr=log,
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
