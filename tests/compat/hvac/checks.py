"""What the programs of this folder share: steps that are printed, and a verdict that ends the program."""

import os

import hvac


def step(text):
    print(f"- {text}", flush=True)


def expect(condition, what):
    if not condition:
        raise SystemExit(f"not so: {what}")


def same(found, wanted, what):
    expect(found == wanted, f"{what}: {wanted!r}, not {found!r}")


def refused(error, call, *args, words="", **kwargs):
    """Whether a call raises this error and no other, with these words in it."""
    try:
        answer = call(*args, **kwargs)
    except hvac.exceptions.VaultError as raised:
        if type(raised) is error and words in str(raised):
            return True
        print(f"  raised {type(raised).__name__}: {raised}", flush=True)
        return False
    print(f"  answered {answer}", flush=True)
    return False


def client(token=None, **arguments):
    """A client with this token; with the one of the environment where none is given."""
    token = os.environ["VAULT_TOKEN"] if token is None else token
    return hvac.Client(url=os.environ["VAULT_ADDR"], token=token, **arguments)
