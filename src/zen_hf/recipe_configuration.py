# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A recipe's configuration: one tree of nested dataclasses, filled from a YAML file and dotted overrides.

OmegaConf converts and checks the values (it reads `1e-3` as a number, which plain YAML 1.1 does not). This module adds what
a user needs when something is wrong: the full key, where it was written, and the nearest valid key.
"""

import types
from dataclasses import Field, fields, is_dataclass, make_dataclass
from difflib import SequenceMatcher
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

T = TypeVar("T")


def load_recipe(schema: type[T], path: Path | None, overrides: list[str]) -> T:
    """Fill the dataclass `schema` from its defaults, then a YAML file, then dotted overrides.

    Args:
        schema: Dataclass; its fields are numbers, strings, booleans, paths, `Literal`s, enums, dataclasses, and lists,
            tuples, dicts and optionals of those. A field whose default is `omegaconf.MISSING` must be given a value.
        path: YAML file, or None for the defaults alone. Relative paths inside it stay relative to the working directory.
        overrides: `key=value` each, the key dotted, list items by index: `optimizer.lr=1e-3`, `teachers.0.name=dino`.

    Returns:
        An instance of `schema`, so every `__post_init__` has run.

    Raises:
        FileNotFoundError: The YAML file does not exist.
        ValueError: The YAML cannot be parsed, or a key is unknown, a value has the wrong type, a mandatory value is missing
            or a `__post_init__` refuses its values. The message names the key and the file or the override.
    """
    config = OmegaConf.structured(schema)
    OmegaConf.set_readonly(config, None)  # of a frozen dataclass; what comes back is frozen again
    if path is not None:
        tree = _read_yaml(path)
        _check(schema, tree, schema, "", str(path))
        config = OmegaConf.merge(config, tree)
    for override in overrides:
        key, value = _parse_override(override)
        source = f"override {override!r}"
        _check(schema, value, _hint_at(schema, key, source), key, source)
        try:
            OmegaConf.update(config, key, value)
        except (OmegaConfBaseException, TypeError) as error:
            parent = key.rpartition(".")[0]
            raise ValueError(f"{source}: {parent!r} does not exist yet; set it whole: {parent}={{...}}") from error
    source = str(path) if path is not None else schema.__name__
    try:
        return OmegaConf.to_object(config)
    except MissingMandatoryValue as error:
        key = error.full_key.replace("[", ".").replace("]", "")
        raise ValueError(f"{source}: {key!r} is missing; set it in the file or as `{key}=VALUE`") from error
    except OmegaConfBaseException as error:  # an interpolation such as ${oc.env:NAME} that does not resolve
        raise ValueError(f"{source}: {error.full_key!r}: {_first_line(error)}") from error
    except ValueError as error:  # from a __post_init__
        raise ValueError(f"{source}: {error}") from error


def save_recipe(config: Any, path: Path) -> None:
    """Write a configuration (dataclass or dict) as resolved YAML that `load_recipe` reads back to an equal one."""
    Path(path).write_text(recipe_as_yaml(config), encoding="utf-8")


def recipe_as_yaml(config: Any) -> str:
    """Return a configuration (dataclass or dict) as resolved YAML."""
    return OmegaConf.to_yaml(OmegaConf.create(recipe_as_dict(config)))


def recipe_as_dict(config: Any) -> dict[str, Any]:
    """Return a configuration (dataclass or dict) as nested dicts and lists of plain values, interpolations resolved."""
    return _plain(OmegaConf.to_container(OmegaConf.create(config), resolve=True, enum_to_str=True))


def recipe_keys(schema: type, prefix: str = "") -> dict[str, tuple[type, Field]]:
    """Map every dotted key that holds a value to its dataclass and field; an item of a list or dict stands as `0`."""
    keys = {}
    hints = get_type_hints(schema)
    for field in fields(schema):
        hint = _without_none(hints[field.name])
        if is_dataclass(hint):
            keys |= recipe_keys(hint, f"{prefix}{field.name}.")
        elif is_dataclass(_item_hint(hint)):
            keys |= recipe_keys(_item_hint(hint), f"{prefix}{field.name}.0.")
        else:
            keys[prefix + field.name] = (schema, field)
    return keys


def _read_yaml(path: Path) -> dict[str, Any]:
    """Parse a YAML file whose top level is a mapping."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"recipe {path} is not a file; pass the path of a YAML file")
    try:
        text = Path(path).read_text(encoding="utf-8")
        config = OmegaConf.create(text) if text.strip() else OmegaConf.create()
        tree = OmegaConf.to_container(config)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ValueError(f"{path}, line {line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError, OmegaConfBaseException, AssertionError) as error:
        raise ValueError(f"{path}: not valid YAML: {_first_line(error)}") from error
    if not isinstance(tree, dict):
        raise ValueError(f"{path}: the top level must be `key: value` lines, got a {type(tree).__name__}")
    return tree


def _parse_override(override: str) -> tuple[str, Any]:
    """Split `a.b=1e-3` into its key and its value, read as YAML."""
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise ValueError(f"override {override!r}: expected key=value, for instance optimizer.lr=1e-3")
    try:
        value = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={value}"]))["value"]
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise ValueError(f"override {override!r}: the value is not valid YAML: {_first_line(error)}") from error
    return key.strip(), value


def _check(schema: type, value: Any, hint: Any, key: str, source: str) -> None:
    """Raise ValueError if `value` cannot become a `hint`; `key` is its full dotted name, `source` where it was written."""
    if value == "???":  # OmegaConf's mark of a mandatory value not yet given: another file or override may give it
        return
    hint = _without_none(hint) if value is not None else hint
    item_hint = _item_hint(hint)
    if is_dataclass(hint) and isinstance(value, dict):
        for name, item in value.items():
            full_key = f"{key}.{name}" if key else str(name)
            _check(schema, item, _hint_at(schema, full_key, source), full_key, source)
    elif get_origin(hint) is dict and isinstance(value, dict):
        for name, item in value.items():
            _check(schema, item, item_hint, f"{key}.{name}", source)
    elif get_origin(hint) is list and isinstance(value, list):
        for index, item in enumerate(value):
            _check(schema, item, item_hint, f"{key}.{index}", source)
    else:
        try:
            OmegaConf.merge(OmegaConf.structured(make_dataclass("Value", [("value", hint)])), {"value": value})
        except (ValueError, TypeError) as error:
            raise ValueError(f"{source}: {key!r} is {value!r}, expected {_type_name(hint)}") from error


def _hint_at(schema: type, key: str, source: str) -> Any:
    """Return the annotation at a dotted key, or raise ValueError that names the nearest valid key."""
    hint, walked = schema, []
    for part in key.split("."):
        hint = _without_none(hint)
        if is_dataclass(hint) and part in (hints := get_type_hints(hint)):
            hint = hints[part]
        elif get_origin(hint) is dict or (get_origin(hint) in (list, tuple) and part.isdecimal()):
            hint = _item_hint(hint)
        else:
            raise ValueError(f"{source}: unknown key {key!r}; {_nearest(schema, key, hint, '.'.join(walked))}")
        walked.append(part)
    return hint


def _nearest(schema: type, key: str, parent: Any, parent_key: str) -> str:
    """Say which valid key an unknown one was probably meant to be, and what the place it stands in accepts."""
    prefix = f"{parent_key}." if parent_key else ""
    name = key.removeprefix(prefix).split(".")[0]
    siblings = [prefix + field.name for field in fields(parent)] if is_dataclass(parent) else []

    def likeness(candidate: str) -> float:
        beside = 0.1 if candidate in siblings else 0.0  # a misspelling is likelier than a wrong place
        return SequenceMatcher(None, name, candidate.rsplit(".", 1)[-1]).ratio() + beside

    best = max([*siblings, *recipe_keys(schema)], key=likeness)
    if likeness(best) > 0.65:
        return f"did you mean {best!r}?"
    if not siblings:
        return f"{parent_key!r} is {_type_name(parent)} and has no such key"
    return f"valid keys here: {', '.join(siblings)}"


def _without_none(hint: Any) -> Any:
    """Return X for `X | None`, anything else as it is."""
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    others = tuple(option for option in get_args(hint) if option is not type(None))
    return reduce(or_, others)


def _item_hint(hint: Any) -> Any:
    """Return the annotation of the items of a list, tuple or dict, None for anything else."""
    arguments = get_args(hint)
    if get_origin(hint) is dict:
        return arguments[1]
    return arguments[0] if get_origin(hint) in (list, tuple) else None


def _type_name(hint: Any) -> str:
    """Spell an annotation as a user would."""
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(repr(option) for option in get_args(hint))
    if is_dataclass(hint):
        return f"keys of {hint.__name__} ({', '.join(field.name for field in fields(hint))})"
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint).replace("typing.", "")


def _plain(value: Any) -> Any:
    """Turn paths into strings and tuples into lists: YAML and JSON know neither."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _first_line(error: BaseException) -> str:
    """Return what an exception says, without the context lines that OmegaConf and PyYAML append."""
    return str(error).strip().split("\n")[0]
