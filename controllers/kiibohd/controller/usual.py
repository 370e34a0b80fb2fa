"""The lines that stand in nearly every layout: keys left as they are, under the names configurators call them."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_NAMES = """
    APP BACKSLASH BACKSPACE BACKTICK CAPSLOCK COMMA CTRL DELETE DOWN END ENTER EQUAL EQUALS ESC
    F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 F11 F12
    FUNCTION1 FUNCTION2 FUNCTION3 FUNCTION4 FUNCTION5 FUNCTION6 FUNCTION7
    HOME INSERT LALT LBRACE LCTRL LEFT LGUI LSHIFT MINUS PAGEDOWN PAGEUP PAUSE PERIOD PRINTSCREEN QUOTE
    RALT RBRACE RCTRL RGUI RIGHT RSHIFT SCROLLLOCK SEMICOLON SLASH SPACE TAB UP
""".split()
# Some say what is printed on the key.
_SIGNS = {
    "BACKSLASH": "\\",
    "BACKTICK": "`",
    "COMMA": ",",
    "EQUAL": "=",
    "EQUALS": "=",
    "LBRACE": "[",
    "MINUS": "-",
    "PERIOD": ".",
    "QUOTE": "'",
    "RBRACE": "]",
    "SEMICOLON": ";",
    "SLASH": "/",
}


def usual_map():
    """A map of these lines."""
    pairs = [(name, name) for name in (*_LETTERS, *_NAMES)] + list(_SIGNS.items())
    return "".join(f'U"{key}" : U"{meaning}";\n' for key, meaning in pairs)
