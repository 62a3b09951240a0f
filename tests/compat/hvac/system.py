"""A suite that starts its own server, a program named `vault` with TLS and an HCL file of the field, and takes it through its states
and its system backend with the Python library hvac.

Reads LEASEHOLD_PROGRAM, and of a certificate for the loopback address CERTIFICATE, KEY and AUTHORITY. Prints each step;
leaves with an error at the first that is not as it should be.
"""

import os
import pathlib
import socket
import subprocess
import tempfile
import time

import hvac
from hvac import adapters
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, VaultDown

from checks import expect, refused, same, step

CONFIGURATION = """
# As such files are in the field: some of it means something here, the rest is taken with a word in the log.
backend "inmem" {{
}}

listener "tcp" {{
  address            = "127.0.0.1:{port}"
  cluster_address    = "127.0.0.1:{port}"
  tls_cert_file      = "{certificate}"
  tls_key_file       = "{key}"
  tls_client_ca_file = "{authority}"
  tls_min_version    = "tls12"

  telemetry {{
    unauthenticated_metrics_access = true
  }}
}}

telemetry {{
  statsite_address = "127.0.0.1:8125"
  disable_hostname = true
}}

api_addr             = "https://127.0.0.1:{port}"
cluster_addr         = "https://127.0.0.1:{port}"
cluster_name         = "suite"
disable_mlock        = true
disable_cache        = false
cache_size           = 32000
default_lease_ttl    = "168h"
max_lease_ttl        = "720h"
default_max_request_duration = "90s"
plugin_directory     = "{directory}"
raw_storage_endpoint = true
ui                   = true
log_level            = "info"
"""


class Server:
    def __init__(self, directory):
        self.directory, self.port = pathlib.Path(directory), free_port()
        program = self.directory / "vault"
        program.symlink_to(os.environ["LEASEHOLD_PROGRAM"])
        names = {name.lower(): os.environ[name] for name in ("CERTIFICATE", "KEY", "AUTHORITY")}
        config = self.directory / "config.hcl"
        config.write_text(CONFIGURATION.format(port=self.port, directory=directory, **names))
        self.log = open(self.directory / "log", "w+b")
        self.process = subprocess.Popen(
            [program, "server", f"-config={config}"], stdout=self.log, stderr=self.log, env={"HOME": directory}, cwd=directory
        )
        version = subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stdout
        expect(version.split()[0] == "Vault" and version.split()[1].startswith("v1."), f"its version: {version}")

    def client(self, token=None, **arguments):
        return hvac.Client(
            url=f"https://127.0.0.1:{self.port}", token=token, verify=os.environ["AUTHORITY"], **arguments
        )

    def answers(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return self.client().sys.read_init_status()
            except Exception:
                time.sleep(0.05)
        self.log.seek(0)
        raise SystemExit(f"the server does not answer:\n{self.log.read().decode()}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def begins(server):
    client = server.client()
    same(client.sys.is_initialized(), False, "new")
    same(client.sys.read_health_status(method="HEAD").status_code, 501, "health of a new server")
    same(client.sys.read_health_status(method="GET", uninit_code=200)["initialized"], False, "with a code of one's own")
    expect(refused(InvalidRequest, client.sys.initialize, 5, 6), "more needed than there are")
    made = client.sys.initialize(secret_shares=3, secret_threshold=2)
    same([len(made["keys"]), len(made["keys_base64"])], [3, 3], "three shares")
    expect(refused(InvalidRequest, client.sys.initialize, 1, 1), "once")
    same([client.sys.is_initialized(), client.sys.is_sealed()], [True, True], "initialised and sealed")
    same(client.sys.read_health_status(method="HEAD").status_code, 503, "health of a sealed server")
    sealed = client.sys.read_health_status(method="GET").json()
    same([sealed["sealed"], sealed["initialized"]], [True, True], "says so")
    client.token = made["root_token"]
    expect(refused(VaultDown, client.sys.list_policies), "a sealed server serves nothing")
    return made


def unseals(server, made):
    client, keys = server.client(made["root_token"]), made["keys"]
    first = client.sys.submit_unseal_key(keys[0])
    same([first["sealed"], first["progress"], first["t"], first["n"]], [True, 1, 2, 3], "one of two")
    same(client.sys.submit_unseal_key(reset=True)["progress"], 0, "begun anew")
    same(client.sys.submit_unseal_keys(keys[:2])["sealed"], False, "unsealed")
    same(client.seal_status["sealed"], False, "and says so")
    same(client.seal_status["cluster_name"], "suite", "with its name")
    for method, found in (("HEAD", lambda answer: answer.status_code), ("GET", lambda answer: 200 if answer["initialized"] else 0)):
        same(found(client.sys.read_health_status(method=method)), 200, f"health by {method}")
    same(client.ha_status["ha_enabled"], False, "alone")
    expect(client.is_authenticated(), "the root token signs in")
    same(client.sys.seal().status_code, 204, "sealed again")
    expect(client.sys.is_sealed(), "it is")
    client.sys.submit_unseal_keys(made["keys_base64"][1:])
    expect(not client.sys.is_sealed(), "and unsealed by other shares in base64")
    return client


def mounts(root):
    sys = root.sys
    before = set(sys.list_mounted_secrets_engines()["data"])
    expect({"cubbyhole/", "identity/", "sys/"} <= before, f"what is always there: {before}")
    made = sys.enable_secrets_engine(
        "kv", path="team/kv", description="of a team", options={"version": "1"}, local=False, seal_wrap=False,
        config={"default_lease_ttl": "1h", "max_lease_ttl": "2h", "force_no_cache": True, "listing_visibility": "unauth"},
    )
    same(made.status_code, 204, "enabled")
    mount = sys.list_mounted_secrets_engines()["data"]["team/kv/"]
    same([mount["type"], mount["description"], mount["options"]], ["kv", "of a team", {"version": "1"}], "listed")
    same([mount["config"]["default_lease_ttl"], mount["config"]["max_lease_ttl"]], [3600, 7200], "with its times")
    same(sys.retrieve_mount_option("team/kv", "version", "2"), "1", "its option")
    expect(refused(InvalidRequest, sys.enable_secrets_engine, "kv", path="team/kv"), "the path is taken")
    expect(refused(InvalidRequest, sys.enable_secrets_engine, "nothing"), "there is no such engine")
    tuned = sys.tune_mount_configuration(
        "team/kv", default_lease_ttl="30m", max_lease_ttl="5h", description="tuned", listing_visibility="hidden",
        audit_non_hmac_request_keys=["a"], audit_non_hmac_response_keys=["b"], passthrough_request_headers=["X-C"],
    )
    same(tuned.status_code, 204, "tuned")
    config = sys.read_mount_configuration("team/kv")["data"]
    same([config["default_lease_ttl"], config["max_lease_ttl"], config["description"]], [1800, 18000, "tuned"], "reads back")
    same([config["audit_non_hmac_request_keys"], config["passthrough_request_headers"]], [["a"], ["X-C"]], "reads back")
    root.secrets.kv.v1.create_or_update_secret("x", {"a": 1}, mount_point="team/kv")
    moved = sys.move_backend("team/kv", "elsewhere")
    expect(moved["migration_id"], "the move has an id")
    deadline = time.monotonic() + 30
    while root.read(f"sys/remount/status/{moved['migration_id']}")["data"]["migration_info"]["status"] != "success":
        expect(time.monotonic() < deadline, "the move comes to its end")
    same(root.secrets.kv.v1.read_secret("x", mount_point="elsewhere")["data"], {"a": 1}, "with what was there")
    same(sys.disable_secrets_engine("elsewhere").status_code, 204, "disabled")
    expect("elsewhere/" not in sys.list_mounted_secrets_engines()["data"], "gone")
    expect(refused(InvalidRequest, sys.disable_secrets_engine, "sys"), "the system stays")


def auth_mounts(root):
    sys = root.sys
    same(sys.list_auth_methods()["data"]["token/"]["type"], "token", "tokens are there")
    same(sys.read_auth_method_tuning("token")["data"]["token_type"], "default-service", "their kind")
    same(sys.tune_auth_method("token", default_lease_ttl="1h", description="tokens").status_code, 204, "tuned")
    same(sys.read_auth_method_tuning("token")["data"]["default_lease_ttl"], 3600, "reads back")
    same(root.auth.token.create(policies=["default"])["auth"]["lease_duration"], 3600, "and counts")
    expect(refused(InvalidRequest, sys.tune_auth_method, "token", token_type="batch"), "but for their kind")
    expect(refused(InvalidRequest, sys.enable_auth_method, "nothing"), "there is no such method")
    expect(refused(InvalidRequest, sys.disable_auth_method, "token"), "tokens stay")


def leases(root):
    made = root.auth.token.create(policies=["default"], ttl="1h")["auth"]["client_token"]
    listed = root.sys.list_leases("auth/token/create/")["data"]["keys"]
    expect(listed, "a token is a lease")
    expect(refused(InvalidPath, root.sys.list_leases, "auth/nothing/"), "nothing is 404")
    expect(refused(InvalidRequest, root.sys.read_lease, "secret/none/1"), "no such lease")
    expect(refused(InvalidRequest, root.sys.renew_lease, "secret/none/1"), "no such lease")
    same(root.sys.revoke_lease("secret/none/1").status_code, 204, "what is gone is revoked")
    page = root.adapter.list("/v1/auth/token/accessors", params={"limit": 1})["data"]["keys"]
    same(len(page), 1, "a page of one")
    expect(root.adapter.list("/v1/auth/token/accessors", params={"after": page[0]})["data"]["keys"][0] != page[0], "the next")
    answer = root.sys.revoke_prefix("auth/token/create/")
    expect(getattr(answer, "status_code", 202) in (202, 204), f"revoked by prefix: {answer}")
    expect(not root_of(root, made).is_authenticated(), "it is dead")


def root_of(client, token):
    return hvac.Client(url=client.url, token=token, verify=os.environ["AUTHORITY"])


def raw_paths(root):
    same(root.sys.enable_secrets_engine("kv", path="raw").status_code, 204, "a place to write")
    same(root.read("raw/none"), None, "nothing is None")
    same(root.list("raw/none"), None, "nothing is None")
    root.write("raw/a/b", x="1", y=2)
    root.write_data("raw/a/c", data={"path": "p", "wrap_ttl": "w", "ttl": "30m"})
    same(root.read("raw/a/b")["data"], {"x": "1", "y": 2}, "written and read")
    same(root.read("raw/a/c")["data"]["wrap_ttl"], "w", "any key")
    same(root.read("raw/a/c")["lease_duration"], 1800, "a ttl is told")
    same(root.list("raw")["data"]["keys"], ["a/"], "a folder")
    same(root.list("raw/a")["data"]["keys"], ["b", "c"], "its names")
    root.delete("raw/a/b")
    same(root.read("raw/a/b"), None, "deleted")
    kv = root.secrets.kv.v1
    kv.create_or_update_secret("one", {"a": 1}, method="POST", mount_point="raw")
    kv.create_or_update_secret("one", {"a": 2}, mount_point="raw")
    same(kv.read_secret("one", mount_point="raw")["data"], {"a": 2}, "by the engine's own methods")
    same(kv.list_secrets("", mount_point="raw")["data"]["keys"], ["a/", "one"], "by the engine's own methods")
    kv.delete_secret("one", mount_point="raw")
    expect(refused(InvalidPath, kv.read_secret, "one", mount_point="raw"), "gone")
    stranger = root_of(root, "hvs.nobody")
    for call in (stranger.read, stranger.list, stranger.write, stranger.delete):
        expect(refused(Forbidden, call, "raw/one"), "strangers are told nothing")


def adapters_of_each_kind(server, root):
    plain = server.client(root.token, adapter=adapters.RawAdapter)
    answer = plain.sys.list_policies()
    same([answer.status_code, answer.headers["Content-Type"]], [200, "application/json"], "raw answers")
    same(plain.adapter.get("/v1/raw/none", raise_exception=False).status_code, 404, "raw errors")
    strict = server.client(root.token, strict_http=True)
    same(strict.secrets.kv.v1.list_secrets("", mount_point="raw")["data"]["keys"], ["a/"], "lists by GET")
    silent = server.client("hvs.nobody", ignore_exceptions=True)
    same(silent.sys.list_policies().status_code, 403, "errors as answers")
    by_header = server.client(None).adapter.get("/v1/auth/token/lookup-self", headers={"Authorization": f"Bearer {root.token}"})
    same(by_header["data"]["policies"], ["root"], "a bearer token")
    expect(refused(InvalidRequest, server.client(root.token, namespace="other").sys.list_policies), "no namespaces")


def audit(root):
    same(root.sys.list_enabled_audit_devices()["data"], {}, "no devices")
    expect(refused(InvalidRequest, root.sys.enable_audit_device, "file", options={"file_path": "/tmp/x"}), "not just anywhere")
    expect(refused(InvalidRequest, root.sys.enable_audit_device, "nothing"), "there is no such device")


def main():
    with tempfile.TemporaryDirectory() as directory:
        server = Server(directory)
        try:
            server.answers()
            step("begins")
            made = begins(server)
            step("unseals")
            root = unseals(server, made)
            for walk in (mounts, auth_mounts, leases, raw_paths, audit):
                step(walk.__name__.replace("_", " "))
                walk(root)
            step("adapters of each kind")
            adapters_of_each_kind(server, root)
        finally:
            server.process.terminate()
            server.process.wait()
    print("all done")


main()
