"""What a program written for Vault does with the Python library hvac, in the order in which people do it.

Reads VAULT_ADDR and VAULT_TOKEN, and of the AWS emulator AWS_ENDPOINT, AWS_ADMIN_ACCESS_KEY and AWS_ADMIN_SECRET_KEY.
Prints each step; leaves with an error at the first that is not as it should be.
"""

import os
import time

import boto3
import botocore.exceptions
import hvac
import hvac.exceptions

READ_ONLY = """{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::compat/*"}]
}"""

POLICY = """
path "aws/creds/reader" { capabilities = ["read"] }
path "kv/app/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "secret/data/app/*" { capabilities = ["create", "read"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "auth/token/create" { capabilities = ["update"] }
"""


def step(text):
    print(f"- {text}", flush=True)


def expect(condition, what):
    if not condition:
        raise SystemExit(f"not so: {what}")


def refused(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return True
    return False


def sign_in():
    root = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])
    expect(root.is_authenticated(), "the root token signs in")
    expect(root.sys.is_initialized() and not root.sys.is_sealed(), "the server is initialised and unsealed")
    expect(root.sys.read_health_status(method="GET")["initialized"], "health says initialised")
    stranger = hvac.Client(url=os.environ["VAULT_ADDR"], token="hvs.nobody")
    expect(not stranger.is_authenticated(), "an unknown token does not sign in")
    return root


def make_token(root):
    root.sys.create_or_update_policy(name="compat", policy=POLICY)
    expect("compat" in root.sys.list_policies()["data"]["policies"], "the policy is listed")
    made = root.auth.token.create(policies=["compat"], ttl="1h", display_name="compat")["auth"]
    expect(made["renewable"] and made["lease_duration"] == 3600, "the token lives for an hour")
    client = hvac.Client(url=os.environ["VAULT_ADDR"], token=made["client_token"])
    own = client.auth.token.lookup_self()["data"]
    expect(own["policies"] == ["compat", "default"], f"its policies, not {own['policies']}")
    client.auth.token.renew_self()
    return client, made["accessor"]


def make_tokens_by_role(root):
    token = root.auth.token
    token.create_or_update_role(
        "compat", allowed_policies=["compat", "other"], orphan=True, token_period="30m", path_suffix="first"
    )
    expect(token.list_roles()["data"]["keys"] == ["compat"], "the role is listed")
    role = token.read_role("compat")["data"]
    expect(role["allowed_policies"] == ["compat", "other"] and role["token_period"] == 1800, f"it reads back: {role}")
    made = token.create(role_name="compat", policies=["compat"])["auth"]
    expect(made["policies"] == ["compat", "default"] and made["orphan"], f"made by the role: {made}")
    expect(made["lease_duration"] == 1800, "its first length is the period")
    seen = token.lookup(made["client_token"])["data"]
    expect(seen["role"] == "compat" and seen["path"] == "auth/token/create/compat/first", f"looked up: {seen}")
    invalid = hvac.exceptions.InvalidRequest
    expect(refused(invalid, token.create, role_name="compat", policies=["third"]), "others are refused")
    token.revoke(made["client_token"])
    token.delete_role("compat")
    expect(refused(hvac.exceptions.InvalidPath, token.read_role, "compat"), "the role is gone")


def make_a_batch_token(root, client):
    made = client.auth.token.create(type="batch", ttl="10m")["auth"]
    expect(made["client_token"].startswith("hvb.") and made["token_type"] == "batch", "a batch token is made")
    expect(made["accessor"] == "" and not made["renewable"], "it has no accessor and no renewal")
    batch = hvac.Client(url=os.environ["VAULT_ADDR"], token=made["client_token"])
    seen = batch.auth.token.lookup_self()["data"]
    expect(seen["type"] == "batch" and seen["policies"] == ["compat", "default"], f"it looks itself up: {seen}")
    invalid = hvac.exceptions.InvalidRequest
    expect(refused(invalid, batch.auth.token.renew_self), "it is not renewed")
    expect(refused(invalid, batch.auth.token.revoke_self), "it is not revoked")
    expect(refused(invalid, batch.write, "cubbyhole/own", k="v"), "it has no cubbyhole")
    expect(refused(invalid, root.auth.token.create, type="batch", policies=["compat"], num_uses=1), "it is not counted")
    Mounted(batch.secrets.kv.v1, "kv").create_or_update_secret(path="app/batch", secret={"k": "v"})
    return batch


def keep_secrets(root, client):
    root.sys.enable_secrets_engine("kv")
    kv = Mounted(client.secrets.kv.v1, "kv")
    kv.create_or_update_secret(path="app/database", secret={"user": "app", "port": 5432, "tls": True})
    read = kv.read_secret(path="app/database")
    expect(read["data"] == {"user": "app", "port": 5432, "tls": True}, f"what was written is read, not {read['data']}")
    expect(kv.list_secrets(path="app")["data"]["keys"] == ["database"], "it is listed")
    kv.delete_secret(path="app/database")
    expect(refused(hvac.exceptions.InvalidPath, kv.read_secret, path="app/database"), "what was deleted is gone")
    expect(refused(hvac.exceptions.Forbidden, kv.read_secret, path="other/thing"), "other paths are forbidden")
    versioned = client.secrets.kv.v2
    made = versioned.create_or_update_secret(path="app/database", secret={"user": "app"})
    expect(made["data"]["version"] == 1, "secret/ keeps versions")
    read = versioned.read_secret_version(path="app/database", raise_on_deleted_version=True)
    expect(read["data"]["data"] == {"user": "app"}, "what was written there is read")


class Mounted:
    """An interface with its mount filled in."""

    def __init__(self, interface, mount):
        self.interface, self.mount = interface, mount

    def __getattr__(self, name):
        return lambda **arguments: getattr(self.interface, name)(mount_point=self.mount, **arguments)


def wrap_answers(root, client):
    wrapped = client.read("kv/app/wrapped", wrap_ttl="1m")
    expect(wrapped is None, "nothing there, nothing wrapped")
    client.secrets.kv.v1.create_or_update_secret(path="app/wrapped", secret={"pin": 1234}, mount_point="kv")
    wrapping = client.read("kv/app/wrapped", wrap_ttl="1m")["wrap_info"]
    expect(wrapping["ttl"] == 60 and wrapping["creation_path"] == "kv/app/wrapped", f"wrapped: {wrapping}")
    seen = client.write("sys/wrapping/lookup", token=wrapping["token"])["data"]
    expect(seen["creation_ttl"] == 60 and seen["creation_path"] == "kv/app/wrapped", f"looked up: {seen}")
    rewrapped = root.write("sys/wrapping/rewrap", token=wrapping["token"])["wrap_info"]
    invalid = hvac.exceptions.InvalidRequest
    expect(refused(invalid, client.sys.unwrap, wrapping["token"]), "the rewrapped token is spent")
    expect(client.sys.unwrap(rewrapped["token"])["data"] == {"pin": 1234}, "another token unwraps it")
    expect(refused(invalid, client.sys.unwrap, rewrapped["token"]), "once")

    own = client.sys.wrap(payload={"a": {"b": [1]}}, ttl=60)["wrap_info"]["token"]
    stranger = hvac.Client(url=os.environ["VAULT_ADDR"], token=own)
    expect(stranger.sys.unwrap()["data"] == {"a": {"b": [1]}}, "the wrapping token unwraps itself")
    expect(refused(invalid, stranger.sys.unwrap), "once")

    made = root.auth.token.create(policies=["compat"], wrap_ttl="1m")["wrap_info"]
    token = root.sys.unwrap(made["token"])["auth"]
    expect(token["accessor"] == made["wrapped_accessor"], "a wrapped token is known by its accessor")
    expect(hvac.Client(url=os.environ["VAULT_ADDR"], token=token["client_token"]).is_authenticated(), "and signs in")
    root.auth.token.revoke_accessor(token["accessor"])


def aws(service, access_key, secret_key):
    return boto3.client(
        service,
        endpoint_url=os.environ["AWS_ENDPOINT"],
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )


def configure_aws(root):
    admin = os.environ["AWS_ADMIN_ACCESS_KEY"], os.environ["AWS_ADMIN_SECRET_KEY"]
    storage = aws("s3", *admin)
    storage.create_bucket(Bucket="compat")
    storage.put_object(Bucket="compat", Key="greeting", Body=b"hello")
    root.sys.enable_secrets_engine("aws")
    expect("aws/" in root.sys.list_mounted_secrets_engines()["data"], "aws/ is mounted")
    engine = root.secrets.aws
    engine.configure_root_iam_credentials(
        access_key=admin[0],
        secret_key=admin[1],
        region="us-east-1",
        iam_endpoint=os.environ["AWS_ENDPOINT"],
        sts_endpoint=os.environ["AWS_ENDPOINT"],
    )
    engine.configure_lease(lease="1h", lease_max="24h")
    expect(engine.read_lease_config()["data"]["lease_max"] == "24h0m0s", "the lease configuration reads back")
    engine.create_or_update_role(name="reader", credential_type="iam_user", policy_document=READ_ONLY)
    expect(engine.list_roles()["data"]["keys"] == ["reader"], "the role is listed")
    expect(engine.read_role("reader")["data"]["credential_types"] == ["iam_user"], "the role reads back")


def wait_until(condition, what, seconds=2.0):
    deadline = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < deadline, what)
        time.sleep(0.05)


def use_credentials(root, client):
    issued = client.secrets.aws.generate_credentials(name="reader")
    expect(issued["lease_id"].startswith("aws/creds/reader/"), f"the lease's name, not {issued['lease_id']}")
    expect(issued["lease_duration"] == 3600 and issued["renewable"], "an hour, renewable")
    reader = aws("s3", issued["data"]["access_key"], issued["data"]["secret_key"])
    expect(reader.get_object(Bucket="compat", Key="greeting")["Body"].read() == b"hello", "the key reads")
    denied = botocore.exceptions.ClientError
    expect(refused(denied, reader.put_object, Bucket="compat", Key="greeting", Body=b"x"), "the key may not write")

    renewed = client.sys.renew_lease(lease_id=issued["lease_id"], increment=7200)
    expect(7100 < renewed["lease_duration"] <= 7200, f"renewed for two hours, not {renewed['lease_duration']}")
    expect(root.sys.read_lease(lease_id=issued["lease_id"])["data"]["renewable"], "the lease looks up")
    forbidden = hvac.exceptions.Forbidden
    expect(refused(forbidden, client.sys.revoke_lease, lease_id=issued["lease_id"]), "the client may not revoke it")
    root.sys.revoke_lease(lease_id=issued["lease_id"])
    wait_until(
        lambda: refused(denied, reader.get_object, Bucket="compat", Key="greeting"),
        "the revoked key stops working within two seconds",
    )
    gone = hvac.exceptions.InvalidRequest
    expect(refused(gone, root.sys.read_lease, lease_id=issued["lease_id"]), "the revoked lease is gone")


def main():
    step("signs in")
    root = sign_in()
    step("makes a token")
    client, accessor = make_token(root)
    step("makes tokens by a role")
    make_tokens_by_role(root)
    step("writes, reads, lists and deletes secrets")
    keep_secrets(root, client)
    step("makes a batch token")
    batch = make_a_batch_token(root, client)
    step("wraps answers and unwraps them")
    wrap_answers(root, client)
    step("configures the AWS engine")
    configure_aws(root)
    step("reads AWS credentials, uses, renews and revokes them")
    use_credentials(root, client)
    step("revokes its token")
    root.auth.token.revoke_accessor(accessor)
    expect(not client.is_authenticated(), "the revoked token signs in no more")
    expect(not batch.is_authenticated(), "and its batch token neither")
    print("all done")


main()
