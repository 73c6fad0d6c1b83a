"""How words become numbers: one sentence for those that are none, and None where nothing is typed."""

from types import NoneType, UnionType
from typing import Any, Union, get_args

from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
    UnsupportedTypeAnnotationError,
)

REGISTRY = ConstructorRegistry()

_Spec = PrimitiveConstructorSpec[Any] | UnsupportedTypeAnnotationError | None

_NUMBERS = {int: ("INT", "a whole number"), float: ("FLOAT", "a number")}


@REGISTRY.primitive_rule
def _number(info: PrimitiveTypeInfo) -> _Spec:
    if info.type not in _NUMBERS:
        return None
    kind, (metavar, what) = info.type, _NUMBERS[info.type]

    def read(words: list[str]) -> Any:
        try:
            return kind(words[0])
        except ValueError:
            raise ValueError(f"it must be {what}, got {words[0]!r}") from None

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, kind),
        str_from_instance=lambda value: [str(value)],
    )


@REGISTRY.primitive_rule
def _optional(info: PrimitiveTypeInfo) -> _Spec:
    """A value that is None unless it is typed; tyro would list None among the choices."""
    kinds = [kind for kind in get_args(info.type) if kind is not NoneType]
    if info.type_origin not in (Union, UnionType) or len(kinds) != 1 or NoneType not in get_args(info.type):
        return None
    spec = ConstructorRegistry.get_primitive_spec(PrimitiveTypeInfo.make(kinds[0], info.markers))
    if isinstance(spec, UnsupportedTypeAnnotationError):
        return spec
    return PrimitiveConstructorSpec(
        nargs=spec.nargs,
        metavar=spec.metavar,
        instance_from_str=spec.instance_from_str,
        is_instance=lambda value: value is None or spec.is_instance(value),
        str_from_instance=lambda value: ["none"] if value is None else spec.str_from_instance(value),
        choices=spec.choices,
    )
