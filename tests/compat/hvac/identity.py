"""hvac keeps identities: entities, aliases, groups inside groups, and what they add to tokens.

VAULT_ADDR and VAULT_TOKEN (root) are set.
"""

import os

import hvac
from hvac import exceptions

ADDRESS, ROOT = os.environ["VAULT_ADDR"], os.environ["VAULT_TOKEN"]
READER = 'path "sys/mounts" { capabilities = ["read"] }'


def refused(kind, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind as error:
        return str(error)
    raise AssertionError(f"{call.__name__} was not refused")


def someone(token=None):
    return hvac.Client(url=ADDRESS, token=token)


def accessor(root, path):
    return root.sys.list_auth_methods()["data"][f"{path}/"]["accessor"]


def entities(root):
    identity = root.secrets.identity
    made = identity.create_or_update_entity(name="Bob", metadata={"team": "a"}, policies=["one"])["data"]
    shown = identity.read_entity(made["id"])["data"]
    assert shown["name"] == "Bob" and shown["metadata"] == {"team": "a"} and shown["policies"] == ["one"], shown
    assert shown["disabled"] is False and shown["namespace_id"] == "root" and shown["merged_entity_ids"] is None, shown
    identity.create_or_update_entity_by_name("bob", policies=["two"])
    assert identity.read_entity_by_name("BOB")["data"]["policies"] == ["two"], "names compare without case"
    identity.update_entity(made["id"], disabled=True)
    assert identity.read_entity(made["id"])["data"]["disabled"] is True
    assert identity.list_entities()["data"]["keys"] == [made["id"]]
    assert identity.list_entities_by_name()["data"]["keys"] == ["bob"], "as it was written last"
    assert identity.lookup_entity(name="bob")["data"]["id"] == made["id"]
    for policy in ["root", "ROOT", " root "]:
        refused(exceptions.InvalidRequest, identity.update_entity, made["id"], policies=[policy])
    identity.delete_entity_by_name("bob")
    refused(exceptions.InvalidPath, identity.read_entity, made["id"])


def aliases(root):
    identity = root.secrets.identity
    here, there = accessor(root, "people"), accessor(root, "others")
    alice = identity.create_or_update_entity(name="alice")["data"]["id"]
    alias = identity.create_or_update_entity_alias(name="alice", canonical_id=alice, mount_accessor=here)["data"]
    assert alias["canonical_id"] == alice
    shown = identity.read_entity_alias(alias["id"])["data"]
    assert shown["mount_path"] == "auth/people/" and shown["mount_type"] == "userpass", shown
    assert shown["name"] == "alice" and shown["canonical_id"] == alice, shown
    assert identity.list_entity_aliases()["data"]["keys"] == [alias["id"]]
    assert identity.lookup_entity(alias_name="ALICE", alias_mount_accessor=here)["data"]["id"] == alice
    assert identity.lookup_entity(alias_id=alias["id"])["data"]["id"] == alice

    signed_in = someone().auth.userpass.login("Alice", "pw", mount_point="people")
    assert signed_in["auth"]["entity_id"] == alice, "the alias was found"
    elsewhere = someone().auth.userpass.login("alice", "pw", mount_point="others")["auth"]
    assert elsewhere["entity_id"] != alice
    identity.merge_entities([elsewhere["entity_id"]], alice)
    shown = identity.read_entity(alice)["data"]
    assert {alias["mount_accessor"] for alias in shown["aliases"]} == {here, there}, shown
    assert shown["merged_entity_ids"] == [elsewhere["entity_id"]], shown
    assert someone(elsewhere["client_token"]).is_authenticated(), "tokens follow their entity"
    return alice, signed_in["auth"]["client_token"]


def groups(root, alice, token):
    identity = root.secrets.identity
    may = lambda: allowed(someone(token))
    root.sys.create_or_update_policy("reader", READER)
    inner = identity.create_or_update_group(name="inner", member_entity_ids=[alice])["data"]["id"]
    assert not may()
    outer = identity.create_or_update_group(name="outer", policies=["reader"], member_group_ids=[inner])["data"]["id"]
    assert may(), "policies of groups above count at the next request"
    shown = identity.read_entity(alice)["data"]
    assert shown["direct_group_ids"] == [inner] and shown["inherited_group_ids"] == [outer], shown
    assert identity.read_group(inner)["data"]["parent_group_ids"] == [outer]
    refused(exceptions.InvalidRequest, identity.update_group, inner, name="inner", member_group_ids=[outer])
    refused(exceptions.InvalidRequest, identity.update_group, outer, name="outer", policies=["Root"])
    assert sorted(identity.list_groups_by_name()["data"]["keys"]) == ["inner", "outer"]
    assert sorted(identity.list_groups()["data"]["keys"]) == sorted([inner, outer])
    assert identity.lookup_group(name="OUTER")["data"]["id"] == outer
    identity.create_or_update_group_by_name("outer", policies=[])
    assert not may()

    external = identity.create_or_update_group(name="admins", group_type="external", policies=["reader"])["data"]["id"]
    here = accessor(root, "people")
    alias = identity.create_or_update_group_alias(name="Admins", mount_accessor=here, canonical_id=external)["data"]
    shown = identity.read_group_alias(alias["id"])["data"]
    assert shown["name"] == "Admins" and shown["canonical_id"] == external, shown
    assert identity.list_group_aliases()["data"]["keys"] == [alias["id"]]
    assert identity.lookup_group(alias_name="admins", alias_mount_accessor=here)["data"]["id"] == external
    members = {"member_entity_ids": [alice]}
    refused(exceptions.InvalidRequest, root.adapter.post, f"/v1/identity/group/id/{external}", json=members)
    identity.delete_group_alias(alias["id"])
    for name in ["inner", "outer", "admins"]:
        identity.delete_group_by_name(name)
    refused(exceptions.InvalidPath, identity.read_group, inner)


def disabled(root, alice, token):
    identity = root.secrets.identity
    identity.update_entity(alice, disabled=True)
    assert not someone(token).is_authenticated()
    refused(exceptions.Forbidden, someone().auth.userpass.login, "alice", "pw", mount_point="people")
    identity.update_entity(alice, disabled=False)
    assert someone(token).is_authenticated()
    identity.delete_entity(alice)
    assert not someone(token).is_authenticated()


def allowed(client):
    try:
        client.sys.list_mounted_secrets_engines()
        return True
    except exceptions.Forbidden:
        return False


root = someone(ROOT)
for path in ["people", "others"]:
    root.sys.enable_auth_method("userpass", path=path)
    root.auth.userpass.create_or_update_user("alice", password="pw", mount_point=path)
entities(root)
alice, token = aliases(root)
groups(root, alice, token)
disabled(root, alice, token)
print("all done")
