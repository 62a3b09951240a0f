"""All that the Python library hvac does with tokens, token roles, policies, capabilities and wrapping.

Reads VAULT_ADDR and VAULT_TOKEN. Prints each step; leaves with an error at the first that is not as it should be.
"""

import base64
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest

from checks import client, expect, refused, same, step

READER = 'path "secret/data/app/*" {\n  capabilities = ["read"]\n}\n'
POLICY = {"path": {"secret/data/app/*": {"capabilities": ["read", "list"]}}}


def made_as_asked(root):
    token = root.auth.token
    made = token.create(
        id="chosen-by-root", policies=["reader"], meta={"team": "ops"}, no_parent=True, no_default_policy=True, renewable=True,
        ttl="1h", type="service", explicit_max_ttl="2h", display_name="deploy", num_uses=0,
    )["auth"]
    same(made["client_token"], "chosen-by-root", "the chosen token")
    same([made["policies"], made["token_policies"]], [["reader"], ["reader"]], "its policies")
    same([made["lease_duration"], made["renewable"], made["orphan"]], [3600, True, True], "its life")
    same([made["metadata"], made["token_type"], made["num_uses"]], [{"team": "ops"}, "service", 0], "what it is")
    same([made["entity_id"], made["mfa_requirement"]], ["", None], "who is behind it")
    seen = token.lookup("chosen-by-root")["data"]
    same([seen["display_name"], seen["explicit_max_ttl"], seen["path"]], ["token-deploy", 7200, "auth/token/create"], "looked up")
    same([seen["meta"], seen["creation_ttl"], seen["type"]], [{"team": "ops"}, 3600, "service"], "looked up")
    expect(seen["expire_time"] and seen["issue_time"] and 0 < seen["ttl"] <= 3600, f"its times: {seen}")
    expect(refused(InvalidRequest, token.create, id="chosen-by-root"), "a token that is there is not made again")
    token.revoke("chosen-by-root")
    for lookup in (token.lookup, root.lookup_token):
        expect(refused(Forbidden, lookup, "chosen-by-root"), "a revoked token is not found")


def lived_and_ended(root):
    token = root.auth.token
    made = token.create(policies=["default"], ttl="30m", period="1h")["auth"]
    own = client(made["client_token"])
    same(own.auth.token.lookup_self()["data"]["period"], 3600, "its period")
    same(own.auth.token.renew_self(increment="10m")["auth"]["lease_duration"], 3600, "a period is what a renewal gives")
    made = token.create(policies=["default"], ttl="30m")["auth"]
    own = client(made["client_token"])
    same(own.auth.token.renew_self(increment=600)["auth"]["lease_duration"], 600, "renewed by itself")
    same(token.renew(made["client_token"], increment="20m")["auth"]["lease_duration"], 1200, "renewed by another")
    same(token.renew_accessor(made["accessor"], increment="15m")["auth"]["lease_duration"], 900, "renewed by accessor")
    same(root.renew_token(made["client_token"], increment="25m")["auth"]["client_token"], made["client_token"], "renewed")
    same(token.lookup_accessor(made["accessor"])["data"]["id"], "", "an accessor does not give the token")
    same(root.lookup_token(made["accessor"], accessor=True)["data"]["accessor"], made["accessor"], "the older call")
    expect(made["accessor"] in token.list_accessors()["data"]["keys"], "its accessor is listed")
    expect(refused(Forbidden, own.auth.token.list_accessors), "for some only")
    same(token.revoke_accessor(made["accessor"]).status_code, 204, "revoked by accessor")
    expect(refused(Forbidden, token.lookup_accessor, made["accessor"]), "its accessor is gone")
    expect(not own.is_authenticated(), "it does not sign in any more")
    expect(refused(Forbidden, token.renew, made["client_token"]), "nor can it be renewed")
    fixed = token.create(policies=["default"], renewable=False, ttl="30m")["auth"]
    expect(refused(InvalidRequest, token.renew, fixed["client_token"]), "what is not renewable is not renewed")


def ended_with_its_parent(root):
    maker = root.auth.token.create(policies=["root"], ttl="1h")["auth"]["client_token"]
    below = client(maker).auth.token.create(policies=["default"])["auth"]["client_token"]
    apart = client(maker).auth.token.create_orphan(policies=["default"], ttl="10m")["auth"]
    same(apart["orphan"], True, "an orphan")
    kept = client(maker).auth.token.create(policies=["default"])["auth"]["client_token"]
    root.auth.token.revoke_and_orphan_children(maker)
    expect(client(kept).is_authenticated() and client(below).is_authenticated(), "children outlive what left them behind")
    same(client(kept).auth.token.lookup_self()["data"]["orphan"], True, "and are orphans")
    maker = root.auth.token.create(policies=["root"], ttl="1h")["auth"]["client_token"]
    below = client(maker).auth.token.create(policies=["default"])["auth"]["client_token"]
    signed_in = client(maker)
    signed_in.logout(revoke_token=True)
    expect(signed_in.token is None and not signed_in.is_authenticated(), "signed out")
    expect(not client(below).is_authenticated(), "children end with their parent")
    counted = root.auth.token.create(policies=["default"], num_uses=2)["auth"]["client_token"]
    same([client(counted).is_authenticated() for _ in range(3)], [True, True, False], "good for two requests")


def batch(root):
    made = root.auth.token.create(policies=["reader"], type="batch", ttl="20m", renewable=False, meta={"a": "b"})["auth"]
    same([made["token_type"], made["accessor"], made["renewable"]], ["batch", "", False], "a batch token")
    expect(made["client_token"].startswith("hvb."), "has its prefix")
    own = client(made["client_token"])
    seen = own.auth.token.lookup_self()["data"]
    same([seen["type"], seen["policies"], seen["meta"]], ["batch", ["default", "reader"], {"a": "b"}], "looks at itself")
    same(own.read("secret/data/app/one")["data"]["data"], {"n": 1}, "reads")
    expect(refused(Forbidden, own.write, "secret/data/app/one", data={}), "and no more")
    expect(refused(InvalidRequest, root.auth.token.renew, made["client_token"]), "is not renewed")
    expect(refused(InvalidRequest, root.auth.token.revoke, made["client_token"]), "is not revoked")
    expect(refused(InvalidRequest, root.auth.token.create, type="batch", num_uses=2), "is not counted")
    expect(refused(InvalidRequest, root.auth.token.create, type="batch", period="1h"), "has no period")


def roles(root):
    token = root.auth.token
    expect(refused(InvalidPath, token.list_roles), "no roles yet")
    made = token.create_or_update_role(
        "deploy", allowed_policies=["reader"], disallowed_policies=["other"], orphan=True, renewable=False,
        path_suffix="once", allowed_entity_aliases=["ops-*"], token_period=None, token_explicit_max_ttl="3h",
    )
    same(made.status_code, 204, "a role is made")
    role = token.read_role("deploy")["data"]
    same([role["allowed_policies"], role["disallowed_policies"]], [["reader"], ["other"]], "its policies")
    same([role["orphan"], role["renewable"], role["path_suffix"]], [True, False, "once"], "what it makes")
    same([role["token_explicit_max_ttl"], role["allowed_entity_aliases"]], [10800, ["ops-*"]], "and for whom")
    same(token.list_roles()["data"]["keys"], ["deploy"], "it is listed")
    made = token.create(role_name="deploy", policies=["reader"], entity_alias="ops-anna")["auth"]
    same([made["orphan"], made["renewable"]], [True, False], "made by the role")
    expect(made["entity_id"], "for the alias")
    expect(refused(InvalidRequest, token.create, role_name="deploy", entity_alias="dev-anna"), "for no other alias")
    expect(refused(InvalidRequest, token.create, role_name="deploy", policies=["root"]), "with no other policy")
    expect(refused(InvalidRequest, token.create, role_name="nobody"), "by no other role")
    token.delete_role("deploy")
    expect(refused(InvalidPath, token.read_role, "deploy"), "it is gone")
    same(token.tidy().status_code, 202, "tidied")


def policies(root):
    sys = root.sys
    same(sys.create_or_update_policy("reader", READER).status_code, 204, "a policy is written")
    same(sys.read_policy("reader")["data"]["rules"], READER, "and read")
    same(root.get_policy("reader"), READER, "by the older call too")
    same(root.get_policy("nobody"), None, "there is no other")
    sys.create_or_update_policy("as-json", POLICY, pretty_print=False)
    same(json.loads(sys.read_policy("as-json")["data"]["rules"]), POLICY, "JSON is kept as it is")
    listed = sys.list_policies()["data"]["policies"]
    expect({"reader", "as-json", "default", "root"} <= set(listed), f"all are listed: {listed}")
    same(sys.create_or_update_acl_policy("as-acl", policy=POLICY).status_code, 204, "the newer path")
    same(json.loads(sys.read_acl_policy("as-acl")["data"]["policy"]), POLICY, "reads back")
    expect("as-acl" in sys.list_acl_policies()["data"]["keys"], "and lists")
    sys.delete_acl_policy("as-acl")
    sys.delete_policy("as-json")
    expect(refused(InvalidPath, sys.read_policy, "as-json"), "it is gone")
    expect(refused(InvalidPath, sys.read_acl_policy, "as-acl"), "it is gone")
    expect(refused(InvalidRequest, sys.create_or_update_policy, "broken", 'path "x" {'), "what does not parse is refused")
    expect(refused(InvalidRequest, sys.create_or_update_policy, "broken", 'path "x" { capabilities = ["fly"] }'), "so is this")
    expect(refused(InvalidRequest, sys.delete_policy, "root"), "root stays")
    root.secrets.kv.v2.create_or_update_secret("app/one", {"n": 1})


def capabilities(root):
    made = root.auth.token.create(policies=["reader"])["auth"]
    own = client(made["client_token"])
    paths = ["secret/data/app/x", "secret/data/other"]
    for answer in (
        root.sys.get_capabilities(paths, token=made["client_token"]),
        root.sys.get_capabilities(paths, accessor=made["accessor"]),
        own.sys.get_capabilities(paths),
    ):
        for place in (answer, answer["data"]):
            same([place[path] for path in paths], [["read"], ["deny"]], "what it may do")
    same(root.sys.get_capabilities(["secret/data/app/x"])["data"]["capabilities"], ["root"], "root may do all")
    expect(refused(InvalidRequest, root.sys.get_capabilities, paths, token="hvs.nobody"), "of nobody nothing is told")
    same(own.read("secret/data/app/one")["data"]["data"], {"n": 1}, "as it says")
    same(own.read("secret/data/app/none"), None, "nothing is there")
    expect(refused(Forbidden, own.read, "secret/data/other"), "as it says")
    expect(refused(Forbidden, own.list, "secret/metadata/app"), "as it says")


def wrapping(root):
    wrapped = root.sys.wrap({"a": 1}, ttl=120)["wrap_info"]
    same([wrapped["ttl"], wrapped["creation_path"]], [120, "sys/wrapping/wrap"], "wrapped")
    same(root.write("sys/wrapping/lookup", token=wrapped["token"])["data"]["creation_ttl"], 120, "looked at")
    again = root.write("sys/wrapping/rewrap", token=wrapped["token"])["wrap_info"]
    expect(refused(InvalidRequest, root.sys.unwrap, wrapped["token"]), "the older token is spent")
    same(root.sys.unwrap(again["token"])["data"], {"a": 1}, "unwrapped by another token")
    expect(refused(InvalidRequest, root.sys.unwrap, again["token"]), "once")
    wrapped = root.read("secret/data/app/one", wrap_ttl="1m")["wrap_info"]
    same(client(wrapped["token"]).sys.unwrap()["data"]["data"], {"n": 1}, "unwrapped by itself")
    wrapped = root.auth.token.create(policies=["default"], wrap_ttl="5m")
    same(wrapped["auth"], None, "the token is inside")
    expect(wrapped["wrap_info"]["wrapped_accessor"], "its accessor is told")
    newcomer = client("")
    newcomer.auth_cubbyhole(wrapped["wrap_info"]["token"])
    expect(newcomer.is_authenticated(), "the wrapped token signs in")
    same(newcomer.lookup_token()["data"]["accessor"], wrapped["wrap_info"]["wrapped_accessor"], "and is the one")
    seen = newcomer.lookup_token(wrap_ttl="1m")
    same(root.sys.unwrap(seen["wrap_info"]["token"])["data"]["accessor"], wrapped["wrap_info"]["wrapped_accessor"], "any answer")


def jwt(root):
    headers = {"X-Vault-Wrap-TTL": "60", "X-Vault-Wrap-Format": "jwt"}
    wrapped = root.adapter.get("/v1/secret/data/app/one", headers=headers)["wrap_info"]["token"]
    same(wrapped.count("."), 2, "the wrapping token is a JWT")
    same(root.write("sys/wrapping/lookup", token=wrapped)["data"]["creation_path"], "secret/data/app/one", "looked at")
    same(client(wrapped).sys.unwrap()["data"]["data"], {"n": 1}, "unwrapped by itself")
    expect(refused(InvalidRequest, root.sys.unwrap, wrapped), "once")
    key = client("").read("sys/wrapping/pubkey")["data"]
    same(key["jwt_curve"], "p521", "its key is public")
    signed, signature = wrapped.rsplit(".", 1)
    numbers = ec.EllipticCurvePublicNumbers(int(key["jwt_x"]), int(key["jwt_y"]), ec.SECP521R1())
    signature = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    halves = [int.from_bytes(half, "big") for half in (signature[:66], signature[66:])]
    # Raises an error where the signature is another's.
    numbers.public_key().verify(encode_dss_signature(*halves), signed.encode(), ec.ECDSA(hashes.SHA512()))


def main():
    root = client()
    for walk in (policies, made_as_asked, lived_and_ended, ended_with_its_parent, batch, roles, capabilities, wrapping, jwt):
        step(walk.__name__.replace("_", " "))
        walk(root)
    print("all done")


main()
