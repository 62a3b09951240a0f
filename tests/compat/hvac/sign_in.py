"""hvac signs in by the auth methods, and finds the identities behind.

VAULT_ADDR and VAULT_TOKEN (root) are set.
"""

import os

import hvac
from hvac import exceptions

ADDRESS, ROOT = os.environ["VAULT_ADDR"], os.environ["VAULT_TOKEN"]


def refused(kind, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind as error:
        return str(error)
    raise AssertionError(f"{call.__name__} was not refused")


def someone(token=None):
    return hvac.Client(url=ADDRESS, token=token)


def by_password(root):
    root.sys.enable_auth_method("userpass")
    users = root.auth.userpass
    users.create_or_update_user("Alice", password="pw", policies="reader")
    assert users.list_user()["data"]["keys"] == ["alice"]
    assert users.read_user("alice")["data"]["token_policies"] == ["reader"]
    alice = someone()
    signed_in = alice.auth.userpass.login("alice", "pw")
    assert signed_in["auth"]["metadata"] == {"username": "alice"}, signed_in
    assert signed_in["auth"]["policies"] == ["default", "reader"]
    assert alice.lookup_token()["data"]["display_name"] == "userpass-alice"
    said = refused(exceptions.InvalidRequest, someone().auth.userpass.login, "alice", "other")
    assert "invalid username or password" in said, said
    users.update_password_on_user("alice", "new")
    refused(exceptions.InvalidRequest, someone().auth.userpass.login, "alice", "pw")
    alice.auth.userpass.login("ALICE", "new")
    alice.auth.token.renew_self()
    users.delete_user("alice")
    refused(exceptions.InvalidRequest, alice.auth.token.renew_self)
    refused(exceptions.InvalidPath, users.read_user, "alice")
    alice.auth.token.revoke_self()


root = someone(ROOT)
by_password(root)
print("all done")
