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


def by_role(root):
    root.sys.enable_auth_method("approle")
    roles = root.auth.approle
    roles.create_or_update_approle(
        "web", token_policies=["reader"], token_ttl="20m", secret_id_num_uses=2, secret_id_ttl="1h"
    )
    assert roles.list_roles()["data"]["keys"] == ["web"]
    assert roles.read_role("web")["data"]["secret_id_num_uses"] == 2
    role_id = roles.read_role_id("web")["data"]["role_id"]
    made = roles.generate_secret_id("web", metadata={"host": "a1"})["data"]
    assert roles.list_secret_id_accessors("web")["data"]["keys"] == [made["secret_id_accessor"]]
    web = someone()
    signed_in = web.auth.approle.login(role_id, made["secret_id"])
    assert signed_in["auth"]["metadata"] == {"host": "a1", "role_name": "web"}, signed_in
    assert signed_in["auth"]["policies"] == ["default", "reader"]
    assert web.is_authenticated()
    assert roles.read_secret_id("web", made["secret_id"])["data"]["secret_id_num_uses"] == 1
    shown = roles.read_secret_id_accessor("web", made["secret_id_accessor"])["data"]
    assert shown["metadata"] == {"host": "a1"}, shown
    someone().auth.approle.login(role_id, made["secret_id"])
    refused(exceptions.InvalidRequest, someone().auth.approle.login, role_id, made["secret_id"])

    roles.update_role_id("web", "web-machines")
    roles.create_custom_secret_id("web", "chosen")
    roles.destroy_secret_id("web", "chosen")
    refused(exceptions.InvalidRequest, someone().auth.approle.login, "web-machines", "chosen")
    other = roles.generate_secret_id("web")["data"]
    roles.destroy_secret_id_accessor("web", other["secret_id_accessor"])
    refused(exceptions.InvalidRequest, someone().auth.approle.login, "web-machines", other["secret_id"])

    wrapped = roles.generate_secret_id("web", wrap_ttl="60s")
    assert wrapped["data"] is None and wrapped["wrap_info"]["creation_path"] == "auth/approle/role/web/secret-id"
    inside = someone().sys.unwrap(wrapped["wrap_info"]["token"])["data"]
    someone().auth.approle.login("web-machines", inside["secret_id"])
    refused(exceptions.InvalidRequest, someone().sys.unwrap, wrapped["wrap_info"]["token"])

    roles.delete_role("web")
    refused(exceptions.InvalidPath, roles.read_role, "web")
    web.auth.token.revoke_self()


root = someone(ROOT)
by_password(root)
by_role(root)
print("all done")
