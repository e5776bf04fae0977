"""Flags, one-line errors and exit codes that all commands share.

Exit codes: 0 done, 2 the user's mistake or missing hardware, 1 a fault of this package.
"""

from __future__ import annotations

import sys

from absl import app, flags, logging

from sagan_tf import config, files
from sagan_tf.config.flags import override
from sagan_tf.errors import UserError


class PathParser(flags.ArgumentParser):
    """Parser of flags that name a file or a directory: `~` is the home directory.

    Shells expand `~` at the beginning of a word only, so not in `--run_dir=~/runs`.
    """

    def parse(self, argument):
        """Returns the path of a flag."""
        return files.expand_home(argument)

    def flag_type(self):
        """Returns the type that absl shows."""
        return "string"


PATH = PathParser()


def define_config_flags(default_preset=config.DEFAULT_PRESET):
    """Defines `--preset` and one flag for each configuration field.

    `flags.adopt_module_key_flags(command_line)` shows them in the `--help` of a command.
    """
    flags.DEFINE_string("preset", default_preset, f"one of {', '.join(config.names())}")
    for name, field in config.FIELDS.items():
        if name != "preset":
            help_text = f"{field.metadata['help']}: {field.metadata['allowed']} (else the preset's)"
            define = flags.DEFINE_bool if field.type == "bool" else flags.DEFINE_string
            define(name, None, help_text)


def config_from_flags(**changes):
    """Returns the configuration of the preset and the flags.

    Args:
        **changes: fields that a command sets for every preset; flags override them too.

    Raises:
        ConfigError: the preset is unknown, or a value is not allowed.
    """
    given = {
        name: flags.FLAGS[name].value
        for name in config.FIELDS
        if name != "preset" and flags.FLAGS[name].present
    }
    return override(config.get(flags.FLAGS.preset).replace(**changes), given)


def run(main):
    """Runs `main()` as a command: a `UserError` is one line on stderr and exit code 2."""

    def guarded(arguments):
        logging.set_verbosity(logging.WARNING)  # hides TensorFlow's notes on its work
        try:
            if len(arguments) > 1:
                raise UserError(f"{arguments[1]!r} is not a flag; flags begin with --")
            main()
        except UserError as error:
            _fail(error)

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names that the terminal cannot show are escaped
            stream.reconfigure(errors="backslashreplace")
    _show_in_help(main.__module__)
    if "--help" in sys.argv[1:]:
        app.define_help_flags()
        app.usage(shorthelp=True, writeto_stdout=True, exitcode=0)
    app.run(guarded, flags_parser=_parse_flags)


def _show_in_help(name):
    """Shows the documentation and flags of a module in `--help` of the script that was started."""
    if name == "__main__":
        return
    sys.modules["__main__"].__doc__ = sys.modules[name].__doc__
    for flag in flags.FLAGS.get_key_flags_for_module(name):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def _parse_flags(arguments):
    try:
        return flags.FLAGS(arguments)
    except flags.UnrecognizedFlagError as error:
        name = error.flagname.removeprefix("no")
        removed = config.REMOVED_FIELDS.get(name)
        _fail(f"--{name} is no longer a flag: {removed}" if removed else error)
    except flags.Error as error:
        _fail(error)


def _fail(error):
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(2)
