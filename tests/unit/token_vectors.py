# SPDX-License-Identifier: Apache-2.0
"""
Tokens as pymacaroons (python3-pymacaroons 0.13.0-6 of Debian) makes them; prints token_vectors.h:

    /usr/bin/python3 tests/unit/token_vectors.py | clang-format >tests/unit/token_vectors.h
"""

from pymacaroons import Macaroon

KNOWN = b"this is our super secret key; only we should know it"
VECTORS = (
    (bytes(range(32)), "x", ()),
    (KNOWN, "we used our secret key", ()),
    (KNOWN, "we used our secret key", ("test = caveat",)),
    (b"\0" * 32, "0123456789abcdef0123456789abcdef", ("app = web", "op = read")),
    (b"\xff" * 33, "i" * 128, ("app in web,db,a b", "org = personal", "time < 2030-01-01T00:00:00Z")),
    (bytes(range(192, 256)), "a b\tc", ("app = Überblick", "cid 0000", "app = web")),
    (bytes(range(64)), "many", tuple(f"app = a{i}" for i in range(32))),
    (bytes(range(64)), "long", tuple(c * 1024 for c in "abcde")),
)


def c_string(data):
    return '"' + "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"?\\' else f"\\{b:03o}" for b in data) + '"'


def vector(key, identifier, caveats):
    macaroon = Macaroon(location="edgetap", identifier=identifier, key=key)
    for caveat in caveats:
        macaroon.add_first_party_caveat(caveat)
    texts = ", ".join(c_string(c.encode()) for c in caveats)
    return (
        f"{{ .key = {{ {c_string(key)}, {len(key)} }}, .identifier = {c_string(identifier.encode())},"
        f" .caveat = {{ {texts} }}, .caveat_count = {len(caveats)},"
        f' .text = "edgetap_{macaroon.serialize()}" }}'
    )


print(
    f"""/* SPDX-License-Identifier: Apache-2.0 */
/* Made by token_vectors.py. */
static const struct vector {{
struct secret_key key;
const char *identifier;
const char *caveat[TOKEN_CAVEATS_MAX];
size_t caveat_count;
const char *text;
}} vectors[] = {{ {", ".join(vector(*v) for v in VECTORS)} }};"""
)
