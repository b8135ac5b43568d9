"""The one exception of the sandbox: a sentence meant for the person at the terminal."""


class SandboxError(Exception):
    """Something the sandbox cannot do. Its text names the thing and the way out."""
