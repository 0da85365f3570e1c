"""The exceptions of the framework, by who can fix them.

    FrameworkError
    |- ConfigError      the user fixes kalshi.toml     shown plainly, exit 2
    |   `- DataError    a file that can't be trusted   names file and line, exit 3
    |- PluginError      the plugin's author fixes it   names plugin, hook, cause
    |- ExchangeError    retry, reconnect or stop       names status, code, request id
    |   `- AuthError    check key and clock            never retried
    |- LedgerError      disk full, locked or failing   no new risk; free the disk, restart
    `- InvariantError   our bug                        stop, keep the journal

Expected outcomes (a refused order, a full queue) are values, not exceptions.
"""


class FrameworkError(Exception):
    """Base of everything the framework raises on purpose."""


class ConfigError(FrameworkError):
    """Settings, arguments or input files are wrong; the user can fix them.

    Attributes:
        problems: One line per fault, each naming file, key or line and the fix.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DataError(ConfigError):
    """A journal or a recording is broken: what it says can't be trusted."""


class PluginError(FrameworkError):
    """A plugin broke its contract; its author can fix it."""

    def __init__(self, plugin: str, hook: str | None, cause: str) -> None:
        where = f"{plugin}.{hook}" if hook else plugin
        super().__init__(f"plugin {where}: {cause}")
        self.plugin = plugin
        self.hook = hook
        self.cause = cause


class ExchangeError(FrameworkError):
    """The exchange or the way to it failed."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        details = [f"status {status}" if status is not None else None, code, request_id]
        known = ", ".join(detail for detail in details if detail)
        super().__init__(f"{message} ({known})" if known else message)
        self.status = status
        self.code = code
        self.request_id = request_id


class AuthError(ExchangeError):
    """The exchange refused our credentials or our clock; retrying cannot help."""


class LedgerError(FrameworkError):
    """Money could not be written down; until it can, nothing new may be risked."""


class InvariantError(FrameworkError):
    """A promise the framework makes to itself is broken; the run stops."""
