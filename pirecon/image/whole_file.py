"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: str | os.PathLike[str], *, suffix: str = "") -> Iterator[Path]:
    """Hand out a temporary path beside ``path`` and move it there once the block has ended well.

    The temporary file lies in the target's folder, so the final ``rename`` stays within one file system and is atomic
    (POSIX.1-2017, rename()). A block that raises leaves neither the temporary file nor a changed target.

    Args:
        path: the file to write; an existing file is replaced, a symbolic link followed.
        suffix: ending of the temporary name, for libraries which choose the format by it.

    Yields:
        The path to write to.

    Raises:
        OSError: the folder is missing or refuses the file, or the file could not be written.
    """
    target = Path(os.path.realpath(path))
    check_folder(target)
    temporary = target.with_name(f".pirecon-{secrets.token_hex(6)}{suffix}")
    try:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise OSError(f"{path}: could not be written ({error}). Is there enough room on the disk?") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(path: str | os.PathLike[str]) -> None:
    """Refuse a path that cannot be written to, by writing an empty file beside it and removing it again.

    Raises:
        FileNotFoundError: its folder does not exist.
        IsADirectoryError: it is itself a folder.
        PermissionError: its folder takes no new files.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"{path}: is a folder, but a file was expected; add a file name to it")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"{path}: the folder {target.parent} does not exist, so nothing can be written there; create it first"
        )
    probe = target.with_name(f".pirecon-{secrets.token_hex(6)}")
    try:
        # Only trying tells: permission bits know nothing of read-only file systems and full quotas.
        probe.touch(exist_ok=False)
    except OSError as error:
        raise PermissionError(
            f"{path}: the folder {target.parent} takes no new files ({error.strerror}); choose another folder or "
            "change its permissions"
        ) from error
    probe.unlink(missing_ok=True)


def _flush_to_disk(path: Path) -> None:
    # Without it a power cut just after the rename may leave an empty file under the final name.
    with path.open("rb") as file:
        os.fsync(file.fileno())
