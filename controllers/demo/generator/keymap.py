"""Maps -> keymap: what each key does on each layer."""

import re
from dataclasses import dataclass, field

from .complaints import quoted
from .parser import Animation, Capability, Mapping, Nothing, ScanCode, Symbol, Variable
from .usages import Usage, find_usage

# As in firmware/keymap_types.h.
MATRIX_CODES = 64
LAYERS_MAX = 32

# Capability -> kind of action. layerLock is what other firmware calls the toggle.
LAYER_CAPABILITIES = {"layerShift": "shift", "layerLatch": "latch", "layerToggle": "toggle", "layerLock": "toggle"}

# Variables that the firmware knows: the macro of each, its least and greatest value, and the one that counts without it.
SETTINGS = {"UartBaud": ("UART_BAUD", 300, 750_000, 115_200)}

# Keys without a usage: FUN1, LATCH1, LOCK1. The extra maps say what they do, wherever a layout puts them.
FUNCTION = re.compile(r"(?:(FUN)(?:CTION)?|(LAT)(?:CH)?|L(?:O?)(CK))([1-9][0-9]?)", re.IGNORECASE)


@dataclass(frozen=True)
class LayerAction:
    kind: str  # shift, latch or toggle
    layer: int


@dataclass(frozen=True)
class NoAction:
    pass


Action = Usage | LayerAction | NoAction


@dataclass
class Map:
    """One KLL file, read: its stem and its statements."""

    stem: str
    statements: list

    def of(self, kind):
        return (statement for statement in self.statements if isinstance(statement, kind))


@dataclass
class Keymap:
    """
    `layers[n][code]` is the action of a key; a code that is missing on a layer above 0 is transparent there.
    `settings`: macro -> value of the variables that the firmware knows.
    """

    base: dict[int, str] = field(default_factory=dict)
    layers: list[dict[int, Action]] = field(default_factory=list)
    sources: list[list[str]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    settings: dict[str, int] = field(default_factory=dict)
    animations: dict[str, int] = field(default_factory=dict)


def function_key(symbol):
    """The one spelling of FUN1, FUNCTION1, LATCH1, LOCK1 ..., or None if the symbol is no function key."""
    found = FUNCTION.fullmatch(symbol.name) if symbol.page == "U" else None
    return "".join(part for part in found.groups() if part).upper() if found else None


def build_keymap(board, extra, default, partial, complaints):
    """
    The keymap of a board.

    board    the board's own map: its scan codes and the base symbol of each
    extra    maps that say what the function keys do
    default  the map of layer 0
    partial  the maps of layers 1, 2, ...
    """
    resolver = _Resolver(1 + len(partial), complaints)
    resolver.read_board(board)
    for extra_map in extra:
        resolver.read_functions(extra_map)
    if len(partial) >= LAYERS_MAX:
        complaints.error(None, f"{1 + len(partial)} layers; this firmware has room for {LAYERS_MAX}")
    keymap = Keymap(base={code: _shown(symbol) for code, symbol in resolver.base.items()})
    keymap.layers = [resolver.bottom(default)] + [resolver.keys(layer) for layer in partial]
    keymap.sources = [[each.stem for each in (board, *extra, default)]] + [[layer.stem] for layer in partial]
    keymap.variables = {variable.name: variable.value for variable in default.of(Variable)}
    keymap.settings = _read_settings(default, complaints)
    keymap.animations = _count_frames(default)
    return keymap


def _shown(symbol):
    return symbol.name if symbol.page == "U" else f"{symbol.page}:{symbol.name}"


def _read_settings(source, complaints):
    """Macro -> value of every variable in SETTINGS."""
    settings = {macro: usual for macro, _, _, usual in SETTINGS.values()}
    for variable in source.of(Variable):
        if variable.name in SETTINGS:
            macro, least, greatest, _ = SETTINGS[variable.name]
            settings[macro] = int(variable.value) if re.fullmatch("[0-9]{1,9}", variable.value) else -1
            if not least <= settings[macro] <= greatest:
                complaints.error(variable.place, f"{variable.name} is a number from {least} to {greatest}")
    return settings


def _count_frames(source):
    frames = {}
    for animation in source.of(Animation):
        frames.setdefault(animation.id, 0)
        if animation.frame is not None:
            frames[animation.id] += 1
    return frames


class _Resolver:
    """Knows the board and the function keys, and turns what a map says into actions."""

    def __init__(self, layers, complaints):
        self.layers = layers
        self.complaints = complaints
        self.base = {}  # scan code -> base symbol
        self.board_keys = {}  # scan code -> (base symbol, place)
        self.by_symbol = {}  # meaning of a base symbol -> scan codes
        self.functions = {}  # function key -> action

    def read_board(self, board):
        for mapping in board.of(Mapping):
            if not isinstance(mapping.left, ScanCode) or not isinstance(mapping.right, Symbol):
                self.complaints.error(mapping.place, "a board's map names scan codes: S0x01 : U\"ESC\";")
            elif mapping.left.code >= MATRIX_CODES:
                self.complaints.error(mapping.place, f"scan codes end at 0x{MATRIX_CODES - 1:02X}")
            else:
                self.base[mapping.left.code] = mapping.right
                self.board_keys[mapping.left.code] = (mapping.right, mapping.right_place)
        for code, symbol in self.base.items():
            self.by_symbol.setdefault(self.meaning(symbol), []).append(code)

    def read_functions(self, extra):
        """An extra map says what function keys do; one that needs a layer which is not there does nothing."""
        for mapping in extra.of(Mapping):
            function = function_key(mapping.left) if isinstance(mapping.left, Symbol) else None
            if function is None:
                self.complaints.error(mapping.place, "an extra map says what FUN, LATCH and LOCK keys do, nothing else")
                continue
            action = self.capability(mapping.right, mapping.right_place, beyond=NoAction())
            if action:
                self.functions[function] = action

    def keys(self, source):
        """What a map puts on its layer: scan code -> action."""
        actions = {}
        for mapping in source.of(Mapping):
            codes = self.codes(mapping)
            action = self.action(mapping.right, mapping.right_place)
            if action is not None:
                actions.update((code, action) for code in codes)
        return actions

    def bottom(self, source):
        """As `keys`, for layer 0: a key the map leaves out does what the board says."""
        actions = self.keys(source)
        for code, (symbol, place) in self.board_keys.items():
            if code not in actions:
                actions[code] = self.action(symbol, place, warn=False)
        return actions

    def meaning(self, symbol):
        """What makes two spellings the same key: the usage, or the function key."""
        return find_usage(symbol.page, symbol.name) or function_key(symbol)

    def codes(self, mapping):
        left = mapping.left
        if isinstance(left, ScanCode):
            found = [left.code] if left.code in self.base else []
            shown = f"scan code 0x{left.code:02X}"
        else:
            meaning = self.meaning(left)
            if meaning is None:
                self.complaints.error(mapping.place, f"unknown key {quoted(_shown(left))}")
                return []
            found = self.by_symbol.get(meaning, [])
            shown = f"key {quoted(_shown(left))}"
        if not found:
            self.complaints.error(mapping.place, f"the board has no {shown}")
        return found

    def action(self, result, place, warn=True):
        """The action a right side means, or None after a complaint. A warning is for what the layout's author can mend."""
        if isinstance(result, Nothing):
            return NoAction()
        if isinstance(result, Capability):
            return self.capability(result, place)
        usage = find_usage(result.page, result.name)
        if usage:
            return usage
        function = function_key(result)
        if function is None:
            self.complaints.error(place, f"unknown key {quoted(_shown(result))}")
            return None
        action = self.functions.get(function, NoAction())
        if warn and isinstance(action, NoAction):
            self.complaints.warn(place, f"{quoted(result.name)} does nothing: its layer is not there")
        return action

    def capability(self, result, place, beyond=None):
        """A layer capability as action. `beyond` answers for a layer that is not there; without it that is an error."""
        if not isinstance(result, Capability):
            self.complaints.error(place, "expected a capability")
            return None
        kind = LAYER_CAPABILITIES.get(result.name)
        if kind is None:
            known = ", ".join(sorted(LAYER_CAPABILITIES))
            self.complaints.error(place, f"unknown capability {quoted(result.name)} (known: {known})")
            return None
        if len(result.arguments) != 1 or not re.fullmatch("[0-9]{1,4}", result.arguments[0]):
            self.complaints.error(place, f"{result.name} takes one argument, the number of a layer")
            return None
        layer = int(result.arguments[0])
        if 1 <= layer < self.layers:
            return LayerAction(kind, layer)
        if beyond is not None:
            return beyond
        there = f"layers 1 to {self.layers - 1} are there" if self.layers > 1 else "there is no layer but 0"
        self.complaints.error(place, f"layer {layer} is out of range: {there}")
        return None
