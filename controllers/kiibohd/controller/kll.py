"""
kll inside this process: the same compiler, without what it does again each time.

Of a build's maps most never change. What kll's lexer made of their texts and its parser of their expressions is kept in
a store, and taken from there for any that read the same: they mean the same, wherever they stand. Everything after the
parser is kll's own work on every expression.

A store is a dictionary: SHA-256 of a map's text -> its tokens; key of an expression -> pickle of what the parser made.
"""

import contextlib
import hashlib
import importlib
import io
import pickle
import re
import sys
import tempfile
import traceback
from functools import lru_cache, partial
from pathlib import Path

from . import combinators


class KllFailed(Exception):
    """kll does not take a map. Its message is everything it said."""


class Kll:
    """kll, loaded once. With `learning` the stores it is given take in what it meets."""

    def __init__(self, learning=False):
        self._learning = learning
        sys.modules["kll.extern.funcparserlib.parser"] = combinators
        self._kll = importlib.import_module("kll")
        self._stage = importlib.import_module("kll.common.stage")
        self._unwritten = []
        self._json = importlib.import_module("kll.common.emitter").JsonEmitter
        self._lexer = importlib.import_module("kll.extern.funcparserlib.lexer")
        self._stage.make_tokenizer = _tokenizer_maker(self._lexer)

    def compile(self, arguments, temporary, store):
        """
        Runs kll with the arguments of its command line. What it says is thrown away when it succeeds. `store`: what is
        known of texts and expressions. Not all is written before `finish`.
        @raises KllFailed
        """
        said = io.StringIO()
        self._locate(temporary)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), self._writing_later():
            try:
                self._run(arguments, store)
            except SystemExit as end:
                if end.code not in (None, 0):
                    raise KllFailed(said.getvalue()) from None
            except Exception as problem:
                # Much that is wrong with a map ends kll with an exception of Python.
                traceback.print_exc()
                raise KllFailed(said.getvalue()) from problem

    def finish(self):
        """Writes what no compiler waits for: kll.json."""
        for write in self._unwritten:
            write()
        self._unwritten.clear()

    @contextlib.contextmanager
    def _writing_later(self):
        write = self._json.generate_json

        def generate_json(emitter, path):
            # kll looks whether the file is there.
            Path(path).touch()
            self._unwritten.append(partial(write, emitter, path))

        self._json.generate_json = generate_json
        try:
            yield
        finally:
            self._json.generate_json = write

    @staticmethod
    def _locate(temporary):
        # The layouts package has asked for the directory of temporary files when it was imported.
        tempfile.tempdir = str(temporary)
        begin = importlib.import_module("layouts").Layouts.__init__
        names = begin.__code__.co_varnames[1 : begin.__code__.co_argcount]
        defaults = dict(zip(names, begin.__defaults__)) | {"cache_dir": str(temporary)}
        begin.__defaults__ = tuple(defaults.values())

    def _run(self, arguments, store):
        control = self._stage.ControlStage()
        # Newer releases compare the KLL version of a map with these.
        control.last_compat_version = getattr(self._kll, "__last_compat_version__", None)
        control.short_version = self._kll.__version__
        self._kll.command_line_args(control, arguments)
        control.stage("CompilerConfigurationStage").process = lambda: _configure(control)
        classify = control.stage("OperationClassificationStage")
        classify.tokenize = partial(self._classify, classify.tokenize, store)
        control.stage("OperationSpecificsStage").process = lambda: self._parse(control, store)
        control.process()

    def _classify(self, tokenize, store, context):
        """Stands in for the stage that cuts a whole map into sides of expressions and operators."""
        key = hashlib.sha256(context.data.encode()).digest()
        known = store.get(key)
        if known is not None:
            context.classification_token_data = [self._lexer.Token(*token) for token in known]
            return True
        if not tokenize(context):
            return False
        if self._learning:
            tokens = context.classification_token_data
            store[key] = [(token.type, token.value, token.start, token.end) for token in tokens]
        return True

    def _parse(self, control, store):
        """Stands in for kll's own order of work in this stage: known expressions are recalled, the others left to kll."""
        stage = control.stage("OperationSpecificsStage")
        stage._status = "Incomplete"
        stage.color = control.stage("CompilerConfigurationStage").color
        contexts = control.stage("OperationClassificationStage").contexts
        unknown = [[one for one in context.expressions if not _recall(one, store)] for context in contexts]
        for action in (stage.tokenize, stage.parse):
            if not all([_apply(action, context, some) for context, some in zip(contexts, unknown)]):
                return
        if self._learning:
            for expression in (one for some in unknown for one in some):
                store[_key(expression)] = _dump(expression)
        stage._status = "Completed"


# Of an expression: what comes from the map it stands in, never from the store.
_OWN = ("lparam_token", "operator_token", "rparam_token", "context")
# Of an expression: what nobody reads after the parser.
_SPENT = ("lparam_sub_tokens", "rparam_sub_tokens")


def _key(expression):
    # Space around a side is not among the tokens the parser reads.
    sides = (expression.lparam_token.value.strip(" \t"), expression.rparam_token.value.strip(" \t"))
    return (expression.context.hid_mapping.name(), expression.operator_token.value, *sides)


def _recall(expression, store):
    known = store.get(_key(expression))
    if known is None:
        return False
    kind, state = _Unpickler(known, expression).load()
    expression.__class__ = kind
    expression.__dict__.update(state)
    return True


def _dump(expression):
    state = {name: value for name, value in vars(expression).items() if name not in _OWN + _SPENT}
    file = io.BytesIO()
    _Pickler(file, expression).dump((type(expression), state))
    return file.getvalue()


class _Pickler(pickle.Pickler):
    def __init__(self, file, expression):
        super().__init__(file, protocol=5)
        self._places = {id(value): name for name, value in _places(expression).items()}

    def persistent_id(self, value):
        return self._places.get(id(value))


class _Unpickler(pickle.Unpickler):
    def __init__(self, data, expression):
        super().__init__(io.BytesIO(data))
        self._places = _places(expression)

    def persistent_load(self, name):
        return self._places[name]


def _places(expression):
    """What parsed data may point to outside of itself."""
    return {"expression": expression, "context": expression.context, "mapping": expression.context.hid_mapping}


class _InTurn:
    """Stands in for kll's pool of threads, which only take turns anyway."""

    @staticmethod
    def map(function, items):
        return [function(item) for item in items]


def _configure(control):
    stage = control.stage("CompilerConfigurationStage")
    stage.pool = _InTurn()
    stage._status = "Completed"


def _apply(action, context, expressions):
    """Has kll do a step on some expressions of a map only."""
    everything, context.expressions = context.expressions, expressions
    try:
        return action(context)
    finally:
        context.expressions = everything


def _tokenizer_maker(lexer):
    """kll's `make_tokenizer`, with one regular expression for all kinds of tokens instead of one try after the other."""

    @lru_cache(maxsize=None)
    def compiled(kinds):
        pattern = "|".join(f"(?P<kind{index}>{expression})" for index, (_, expression) in enumerate(kinds))
        return re.compile(pattern), {f"kind{index}": name for index, (name, _) in enumerate(kinds)}

    def make_tokenizer(specs):
        pattern, names = compiled(tuple((name, *arguments) for name, arguments in specs))

        def tokenize(text):
            line, column, at, end = 1, 0, 0, len(text)
            while at < end:
                match = pattern.match(text, at)
                if match is None:
                    raise lexer.LexerError((line, column + 1), text.splitlines()[line - 1])
                value, start = match.group(), (line, column + 1)
                breaks = value.count("\n")
                line += breaks
                column = len(value) - value.rfind("\n") - 1 if breaks else column + len(value)
                at = match.end()
                yield lexer.Token(names[match.lastgroup], value, start, (line, column))

        # The preprocessor cuts up each line on its own, to look for these.
        return _only_telling(tokenize) if "NumberBase10" in names.values() and "Misc" in names.values() else tokenize

    return make_tokenizer


_TELLING = re.compile(r"HIDMapping|ScanCodeOffset|ConnectId|KLL|S[0-9]")


def _only_telling(tokenize):
    return lambda line: tokenize(line) if _TELLING.search(line) else ()
