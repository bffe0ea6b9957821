"""Who may read what the store writes: modes and group of files and directories."""

import functools
import grp
import os

from zenctx.context.datastruct import DataStruct
from zenctx.errors import SettingsError

_OWNER_ALL = 0o700
_GROUP_READ, _GROUP_ALL = 0o040, 0o070
_OTHERS_READ, _OTHERS_LIST = 0o004, 0o005


class Access(DataStruct, frozen=True):
    """The mode of files, and the group (numeric, None to leave it) of files and directories."""

    file_mode: int
    group: int | None = None

    @property
    def directory_mode(self) -> int:
        """The mode of directories that suits the files'.

        Removing a file takes the right to write its directory, and the engine removes the files of released values. So
        where the group may read files it may write directories (0440 gives 0770). Others may list where they may
        read (0444 gives 0775), and never write.
        """
        group = _GROUP_ALL if self.file_mode & _GROUP_READ else 0
        return _OWNER_ALL | group | (_OTHERS_LIST if self.file_mode & _OTHERS_READ else 0)

    @property
    def lock_mode(self) -> int:
        """The mode of the lock file: who may write the directories may lock them."""
        return self.directory_mode & 0o660

    def apply(self, fd: int, mode: int) -> None:
        """Give an open file or directory the group and `mode`, whatever the umask is."""
        if self.group is not None:
            os.fchown(fd, -1, self.group)
        os.fchmod(fd, mode)


@functools.cache
def resolve_access(file_mode: int, file_group: str | None) -> Access:
    """The access for a configured mode and group (a name or a number); raises `SettingsError` for an unknown group."""
    if file_group is None or file_group.isdecimal():
        return Access(file_mode, None if file_group is None else int(file_group))
    try:
        return Access(file_mode, grp.getgrnam(file_group).gr_gid)
    except KeyError:
        message = f"the setting file-group names {file_group[:100]!a}, a group that this machine does not know"
        raise SettingsError(message, hint="Name an existing group, or give its number.") from None
