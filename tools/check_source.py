#!/usr/bin/python3
"""check_source.py: holds the tree against the plan of the house: who may include whom, sizes, banned calls, formatting.

Prints what is wrong and what deserves a second look, then the size of each room. Fails on the former only."""
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

ROOMS = {
    "base": "",
    "model": "base",
    "store": "base model",
    "virt": "base model",
    "disk": "base model",
    "job": "base model store",
    "core": "base model store virt disk job",
    "http": "base model",
    "api": "base model core http",
    "app": "base model store virt disk job core http api",
    "cli": "base",
}
# Which rooms alone may include a library's headers. What is not here and not libc's is refused.
LIBRARIES = {
    "jansson.h": "base",
    "libxml/": "base",
    "ini.h": "base",
    "nettle/": "base",
    "systemd/": "base",
    "sqlite3.h": "store",
    "libvirt/": "virt",
    "microhttpd.h": "http",
    "wslay/": "http",
    "gnutls/": "http",
    "curl/": "cli disk",
    "archive.h": "disk",
    "archive_entry.h": "disk",
    "libssh/": "core",
    "sodium.h": "core",
}
LIBC = re.compile(r"^(sys|linux|netinet|arpa|net)/|^(assert|ctype|dirent|endian|errno|fcntl|float|getopt|glob|grp|ifaddrs|inttypes|libgen|limits|locale|malloc"
                  r"|math|netdb|poll|pthread|pwd|sched|semaphore|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string"
                  r"|strings|syslog|termios|threads|time|unistd|wchar)\.h$")
BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|alloca|system|popen|gets)\s*\(")
ALLOWED_IN_TESTS = {"system", "popen"} # they ask other programs what is true
# What asks libvirt's daemon goes through CALL (src/virt/call.h), so that the log can tell; these do not ask.
LIBVIRT_LOCAL = re.compile(r"vir\w+(Ref|Free|Close|CloseCallback|GetUUID|GetUUIDString|GetName|GetConnect|GetType|IsAlive|SetKeepAlive)$")
FILE_WARN, FILE_MAX = 600, 1000
FUNCTION_WARN, FUNCTION_MAX = 60, 100
PARAMETERS_MAX = 5

errors, warnings = [], []


def files(*folders, suffixes=(".c", ".h")):
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in suffixes)


def where(path, line=None):
    name = str(path.relative_to(ROOT))
    return f"{name}:{line}" if line else name


def blank(match):
    """A comment or literal becomes space: line numbers stay."""
    return re.sub(r"[^\n]", " ", match.group())


def strip(text, with_strings=True):
    pattern = r"/\*.*?\*/|//[^\n]*" + (r'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'' if with_strings else "")
    return re.sub(pattern, blank, text, flags=re.DOTALL)


def room_of(path):
    """The room of a file under src/ or include/."""
    return path.relative_to(ROOT).parts[1]


# ---- includes ----
def check_visible_header(path, line, name):
    own, target = room_of(path), name.split("/")[0]
    if target != own and target not in ROOMS[own].split():
        errors.append(f"{where(path, line)}: {own} may not include {target}/ ({name})")
    if not (ROOT / "include" / name).is_file():
        errors.append(f"{where(path, line)}: there is no include/{name}")


def check_private_header(path, line, name):
    target = (path.parent / name).resolve()
    if not target.is_file() or not target.is_relative_to(ROOT / "src" / room_of(path)):
        errors.append(f"{where(path, line)}: {name} is no header of {room_of(path)}'s own")


def check_library_header(path, line, name):
    for prefix, rooms in LIBRARIES.items():
        if name == prefix or (prefix.endswith("/") and name.startswith(prefix)):
            if room_of(path) not in rooms.split():
                errors.append(f"{where(path, line)}: only {rooms} may include <{name}>")
            return
    if not LIBC.match(name):
        errors.append(f"{where(path, line)}: <{name}> is no header that the plan names")


def check_includes(path, text):
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]+([<"])([^>"]+)[>"]', strip(text, with_strings=False), re.MULTILINE):
        line, name = text.count("\n", 0, match.start()) + 1, match.group(2)
        if match.group(1) == "<":
            check_library_header(path, line, name)
        elif name.split("/")[0] in ROOMS:
            check_visible_header(path, line, name)
        else:
            check_private_header(path, line, name)


# ---- sizes ----
def count_parameters(signature):
    inside = signature[signature.rfind(")", 0, signature.rfind(")")) + 1:] if signature.count(")") == 1 else signature
    depth, commas = 0, 0
    for c in inside:
        depth += (c == "(") - (c == ")")
        commas += c == "," and depth == 1
    return commas + 1


def functions(code):
    """(name, first line, lines, parameters): by our format a body's braces stand alone in the first column."""
    lines = code.split("\n")
    begin = None
    for i, line in enumerate(lines):
        if line == "{":
            begin = i
        elif line.rstrip() == "}" and begin is not None:
            first = begin
            while first > 0 and lines[first - 1].strip() and not lines[first - 1].startswith(("#", "}")) and not lines[first - 1].endswith(";"):
                first -= 1
            signature = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", " ".join(lines[first:begin]))
            name = re.search(r"(\w+)\s*\(", signature)
            yield (name.group(1) if name else "?", first + 1, i - first + 1, count_parameters(signature))
            begin = None


def check_functions(path, code):
    sizes = []
    for name, line, size, parameters in functions(code):
        sizes.append(size)
        if size > FUNCTION_MAX:
            errors.append(f"{where(path, line)}: {name}() has {size} lines (at most {FUNCTION_MAX})")
        elif size > FUNCTION_WARN:
            warnings.append(f"{where(path, line)}: {name}() has {size} lines")
        if parameters > PARAMETERS_MAX:
            warnings.append(f"{where(path, line)}: {name}() has {parameters} parameters")
    return sizes


def check_file_size(path, text):
    lines = text.count("\n")
    if lines > FILE_MAX:
        errors.append(f"{where(path)}: {lines} lines (at most {FILE_MAX})")
    elif lines > FILE_WARN:
        warnings.append(f"{where(path)}: {lines} lines")
    return lines


# ---- words ----
def check_words(path, text, code, allowed=frozenset()):
    for match in BANNED.finditer(code):
        if match.group(1) not in allowed:
            errors.append(f"{where(path, code.count(chr(10), 0, match.start()) + 1)}: {match.group(1)}() is banned")
    for match in re.finditer(r"\b(TODO|FIXME|XXX)\b(?!\(\w+\))[^\n]*", text):
        if not re.search(r"#\d+", match.group()):
            errors.append(f"{where(path, text.count(chr(10), 0, match.start()) + 1)}: {match.group(1)} without a name or an issue")


def check_libvirt_calls(path, code):
    for match in re.finditer(r"\b(vir(?:Connect|Domain|Network|NWFilter)[A-Z]\w+)\(", code):
        if not LIBVIRT_LOCAL.match(match.group(1)):
            errors.append(f"{where(path, code.count(chr(10), 0, match.start()) + 1)}: {match.group(1)}() goes through CALL")


def check_opening(path, text):
    if not text.startswith("/*"):
        errors.append(f"{where(path)}: does not open with a comment that says what lives here")


def check_format(paths):
    done = subprocess.run(["clang-format", "--dry-run", *map(str, paths)], capture_output=True, text=True, cwd=ROOT)
    places = re.findall(r"^(\S+?):\d+:\d+: warning: code should be clang-formatted", done.stderr, re.MULTILINE)
    for name in sorted(set(places)):
        errors.append(f"{where(pathlib.Path(name))}: make format would change it")
    if done.returncode != 0:
        errors.append(f"clang-format: {done.stderr.strip()[-400:]}")


def print_sizes(sizes):
    print(f"{'room':8} {'files':>6} {'lines':>7} {'functions':>10} {'median':>7} {'longest':>8}")
    for room in [*ROOMS, "tests"]:
        of_files, of_functions = sizes.get(room, ([], []))
        median = statistics.median(of_functions) if of_functions else 0
        print(f"{room:8} {len(of_files):6} {sum(of_files):7} {len(of_functions):10} {median:7.0f} {max(of_functions, default=0):8}")


def main():
    sizes = {}
    house, tests = files("src", "include"), files("tests", "tools")
    for path in house + tests:
        text = path.read_text()
        code = strip(text)
        if path in house:
            check_includes(path, text)
            check_libvirt_calls(path, code)
        check_opening(path, text)
        check_words(path, text, code, allowed=ALLOWED_IN_TESTS if path in tests else frozenset())
        room = room_of(path) if path in house else "tests"
        of_files, of_functions = sizes.setdefault(room, ([], []))
        of_files.append(check_file_size(path, text))
        of_functions += check_functions(path, code)
    for path in files("tests", "tools", suffixes=(".py", ".sh")):
        check_file_size(path, path.read_text())
    check_format(house + tests)
    print_sizes(sizes)
    for title, found in (("worth a second look", warnings), ("wrong", errors)):
        if found:
            print(f"\n{title}:", *found, sep="\n  ")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
