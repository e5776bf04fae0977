"""From what TensorFlow prints of a compiled step to a program that any XLA runtime takes.

TensorFlow writes which variables a step updates in place as an attribute of the module, and
copies as operations of its own dialect. A runtime in a plugin, as JAX's for GPUs is, takes plain
StableHLO, with `tf.aliasing_output` at the arguments as JAX itself writes it.
"""

import re

_TENSOR = re.compile(r"tensor<([^>]*)>")
_ARGUMENT = re.compile(r"(%arg(\d+): tensor<[^>]*>)")
_ALIAS = re.compile(r"parameter_number = (\d+) : i64\}, output_index = array<i64: (\d+)>")
_COPY = re.compile(r"^ *(%\d+) = mhlo\.copy (%\w+) : .*$", re.MULTILINE)
_VALUE = re.compile(r"%\d+\b")
_LOCATION = re.compile(r' loc\((?:[^()"]|"[^"]*"|\([^()]*\))*\)')
_DTYPES = {
    "f32": "float32",
    "bf16": "bfloat16",
    "f64": "float64",
    "i64": "int64",
    "i32": "int32",
    "i1": "bool",
    "ui8": "uint8",
}


def replaced_inputs(program):
    """{output: input} of the outputs that take the place of an input: the variables updated."""
    _, head = _module(program)
    return {int(output): int(given) for given, output in _ALIAS.findall(head)}


def signature(program):
    """(shape, dtype) of each argument of the program's main function, and of each result."""
    arguments, results = _main(program).split(" -> ")
    return [_types(arguments), _types(results)]


def portable(program):
    """The program in StableHLO alone, without the places in the source that TensorFlow notes."""
    replaced = {given: output for output, given in replaced_inputs(program).items()}
    main = _main(program)

    def aliased(match):
        output = replaced.get(int(match[2]))
        return match[0] if output is None else f"{match[0]} {{tf.aliasing_output = {output} : i32}}"

    line, _ = _module(program)
    arguments, results = main.split(" -> ")
    arguments = _ARGUMENT.sub(aliased, arguments)
    program = program.replace(main, f"{arguments} -> {results}")
    program = program.replace(line, re.sub(r" attributes .*", " {", line))
    copies = dict(_COPY.findall(program))
    program = _VALUE.sub(lambda match: copies.get(match[0], match[0]), _COPY.sub("", program))
    lines = (line for line in program.splitlines() if not line.startswith("#loc"))
    return "\n".join(_LOCATION.sub("", line) for line in lines if line.strip()) + "\n"


def _module(program):
    """The line that opens the module, and its attributes."""
    line = next(line for line in program.splitlines() if line.startswith("module "))
    return line, line.partition(" attributes ")[2]


def _main(program):
    """The line with the main function's arguments and results, without locations."""
    return next(line for line in program.splitlines() if "func.func @main(" in line)


def _types(text):
    types = []
    for tensor in _TENSOR.findall(text):
        *shape, kind = tensor.split("x")
        types.append((tuple(map(int, shape)), _DTYPES[kind]))
    return types
