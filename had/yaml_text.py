"""YAML text of users -> keys and values, within bounds of size, depth and repetition, each key once.

Safe YAML alone: nothing in it is executed. What the text says wrong is one `ConfigError`.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from had.errors import ConfigError, excerpt
from had.pointers import refuse_pointer

MOST_BYTES = 500_000
"""Size of a file; the largest configuration of this project has 20,000."""
MOST_DEPTH = 40
"""Lists and mappings inside one another."""
MOST_NODES = 100_000
"""Values, with those that an alias repeats counted each time."""
MOST_DIGITS = 40
"""Characters of a whole number."""


def read_mapping(path: Path) -> dict:
    """Keys and values of a YAML file.

    Raises:
        ConfigError: no such file, too large, no UTF-8, no YAML, or no keys in it.
    """
    if not path.is_file():
        raise ConfigError("a YAML configuration", f"no file {path}", "give the path of an existing file")
    try:
        refuse_pointer(path, "a YAML configuration", ConfigError)
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ConfigError(f"at most {MOST_BYTES:,} bytes of YAML", f"more in {path}", "give another file")
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"UTF-8 text in {path}", f"another byte at {error.start}", "save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"a readable file {path}", str(error.strerror), "correct its permissions") from None
    return mapping(text, str(path))


def mapping(text: str, where: str) -> dict:
    """Keys and values of a YAML text that stands at ``where``.

    Raises:
        ConfigError: no YAML, a value that cannot be read or repeats too much, or no keys.
    """
    try:
        content = yaml.load(text, _Loader)  # a safe one
    except yaml.YAMLError as error:
        raise ConfigError(f"YAML in {where}", " ".join(str(error).split())[:300], "correct that line") from None
    # What PyYAML's own constructors raise at `2024-13-45`, `!!timestamp x`, `!!bool x`, `!!int ""`.
    except (ValueError, OverflowError, AttributeError, LookupError, TypeError) as error:
        got = f"a value that is none ({excerpt(str(error))})"
        raise ConfigError(f"YAML in {where}", got, "correct it, or put it between quotes") from None
    if not isinstance(content, dict):
        raise ConfigError(f"keys and values in {where}", type(content).__name__, "see config/config.yaml")
    return content


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping, and what would take endless time or memory."""

    def __init__(self, stream):
        super().__init__(stream)
        self.depth = 0
        self.extent: dict[yaml.Node, tuple[int, int]] = {}

    def compose_node(self, parent, index):
        """A value, and its extent: how many values it has with itself, and how deep they lie in one another."""
        mark = self.peek_event().start_mark
        self.depth += 1
        self._check(mark, depth=self.depth)
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node not in self.extent:
            if node.end_mark is None:  # its own end was not reached
                raise yaml.composer.ComposerError(None, None, "an alias inside of what it stands for", mark)
            inner = [] if isinstance(node, yaml.ScalarNode) else [self.extent[part] for part in _parts(node)]
            self.extent[node] = 1 + sum(size for size, _ in inner), 1 + max((depth for _, depth in inner), default=0)
        self._check(mark, *self.extent[node])
        return node

    def _check(self, mark, size: int = 0, depth: int = 0) -> None:
        if depth > MOST_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"more than {MOST_DEPTH} values inside one another", mark)
        if size > MOST_NODES:
            raise yaml.composer.ComposerError(None, None, f"more than {MOST_NODES:,} values", mark)

    def compose_mapping_node(self, anchor):
        """The mapping as it stands in the file, before `<<` merges others into it."""
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                value = self.construct_object(key)
                if (type(value), value) in seen:
                    problem = f"the key {key.value!r} a second time"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add((type(value), value))
        return node

    def construct_yaml_int(self, node):
        """A whole number; Python itself refuses to write one of more than 4,300 digits."""
        if len(node.value) > MOST_DIGITS:
            problem = f"a number of {len(node.value):,} characters"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_yaml_int(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def _parts(node: yaml.CollectionNode) -> list[yaml.Node]:
    """The values of a list, the keys and values of a mapping."""
    return [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
