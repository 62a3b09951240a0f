"""Versioned secrets with the Python library hvac: all of its interface to the key-value engine's version 2.

Reads VAULT_ADDR and VAULT_TOKEN. Prints each step; leaves with an error at the first that is not as it should be.
"""

import os
import time

import hvac
import hvac.exceptions

MOUNT = "versioned"


def step(text):
    print(f"- {text}", flush=True)


def expect(condition, what):
    if not condition:
        raise SystemExit(f"not so: {what}")


def refused(error, words, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error as raised:
        return words in str(raised)
    return False


def create_and_read(kv):
    made = kv.create_or_update_secret(path="app/db", secret={"user": "app", "port": 5432, "tls": True})
    expect(made["data"]["version"] == 1 and not made["data"]["destroyed"], f"the first version, not {made['data']}")
    read = kv.read_secret_version(path="app/db", raise_on_deleted_version=True)
    expect(read["data"]["data"] == {"user": "app", "port": 5432, "tls": True}, "what was written is read")
    expect(read["data"]["metadata"]["version"] == 1 and read["data"]["metadata"]["deletion_time"] == "", "its metadata")
    kv.create_or_update_secret(path="app/db", secret={"user": "second"})
    first = kv.read_secret_version(path="app/db", version=1, raise_on_deleted_version=True)
    expect(first["data"]["data"]["user"] == "app", "the earlier version is still there")
    missing = hvac.exceptions.InvalidPath
    expect(refused(missing, "", kv.read_secret_version, path="app/none", raise_on_deleted_version=True), "nothing is 404")


def check_and_set(kv):
    wrong = hvac.exceptions.InvalidRequest
    words = "did not match the current version"
    write = kv.create_or_update_secret
    expect(refused(wrong, words, write, path="app/db", secret={}, cas=1), "a stale version is refused")
    expect(write(path="app/db", secret={"user": "third"}, cas=2)["data"]["version"] == 3, "the right one is not")
    expect(refused(wrong, words, write, path="app/db", secret={}, cas=0), "what exists is not created")
    patched = kv.patch(path="app/db", secret={"port": 1})
    expect(patched["data"]["version"] == 4, "a patch makes a version")
    read = kv.read_secret_version(path="app/db", raise_on_deleted_version=True)["data"]["data"]
    expect(read == {"user": "third", "port": 1}, f"of both, not {read}")


def delete_and_undelete(kv):
    kv.delete_latest_version_of_secret(path="app/db")
    gone = hvac.exceptions.InvalidPath
    expect(refused(gone, "", kv.read_secret_version, path="app/db", raise_on_deleted_version=True), "deleted is 404")
    told = kv.read_secret_version(path="app/db", raise_on_deleted_version=False)["data"]
    expect(told["data"] is None and told["metadata"]["version"] == 4, "with what is known of it")
    expect(told["metadata"]["deletion_time"] != "", "and when it was deleted")
    kv.delete_secret_versions(path="app/db", versions=[1, 2])
    kv.undelete_secret_versions(path="app/db", versions=[2, 4])
    for version, user in ((2, "second"), (4, "third")):
        read = kv.read_secret_version(path="app/db", version=version, raise_on_deleted_version=True)
        expect(read["data"]["data"]["user"] == user, f"version {version} is back")
    kv.destroy_secret_versions(path="app/db", versions=[3])
    kv.undelete_secret_versions(path="app/db", versions=[3])
    read = kv.read_secret_version
    told = refused(gone, '"destroyed":true', read, path="app/db", version=3, raise_on_deleted_version=False)
    expect(told, "what is destroyed stays so")


def metadata(kv):
    kv.update_metadata(path="app/db", max_versions=3, delete_version_after="3h25m19s", custom_metadata={"owner": "ops"})
    known = kv.read_secret_metadata(path="app/db")["data"]
    expect(known["current_version"] == 4 and sorted(known["versions"]) == ["1", "2", "3", "4"], "all versions are told")
    expect(known["max_versions"] == 3 and known["delete_version_after"] == "3h25m19s", "the settings are kept")
    expect(known["custom_metadata"] == {"owner": "ops"}, "so is the custom metadata")
    kv.create_or_update_secret(path="app/db", secret={"user": "fifth"})
    known = kv.read_secret_metadata(path="app/db")["data"]
    expect(sorted(known["versions"]) == ["3", "4", "5"] and known["oldest_version"] == 3, "three versions are kept")
    expect(known["versions"]["5"]["deletion_time"] != "", "the new one is to be deleted")
    kv.create_or_update_secret(path="app/cache", secret={})
    expect(kv.list_secrets(path="app")["data"]["keys"] == ["cache", "db"], "both keys are listed")
    expect(kv.list_secrets(path="")["data"]["keys"] == ["app/"], "and their folder")
    kv.delete_metadata_and_all_versions(path="app/db")
    missing = hvac.exceptions.InvalidPath
    expect(refused(missing, "", kv.read_secret_metadata, path="app/db"), "nothing is known of it any more")


def configure(kv):
    kv.configure(max_versions=5, cas_required=True, delete_version_after="1h")
    settings = kv.read_configuration()["data"]
    expect(settings == {"max_versions": 5, "cas_required": True, "delete_version_after": "1h0m0s"}, f"{settings}")
    wrong = hvac.exceptions.InvalidRequest
    write = kv.create_or_update_secret
    expect(refused(wrong, "check-and-set parameter required", write, path="app/x", secret={}), "cas is required")
    write(path="app/x", secret={}, cas=0)


def upgrade(root):
    root.sys.enable_secrets_engine("kv", path="plain")
    for name in ("one", "folder/two"):
        root.secrets.kv.v1.create_or_update_secret(path=name, secret={"name": name}, mount_point="plain")
    root.sys.tune_mount_configuration("plain", options={"version": "2"})
    kv = root.secrets.kv.v2
    deadline = time.monotonic() + 30
    while refused(hvac.exceptions.InvalidRequest, "Upgrading from non-versioned", kv.read_configuration, "plain"):
        expect(time.monotonic() < deadline, "the upgrade comes to its end")
        time.sleep(0.05)
    for name in ("one", "folder/two"):
        read = kv.read_secret_version(path=name, mount_point="plain", raise_on_deleted_version=True)
        expect(read["data"]["data"] == {"name": name} and read["data"]["metadata"]["version"] == 1, f"{name} is version 1")
    mounts = root.sys.list_mounted_secrets_engines()["data"]
    expect(mounts["plain/"]["options"] == {"version": "2"} and mounts["plain/"]["type"] == "kv", "the mount says so")
    wrong = hvac.exceptions.InvalidRequest
    tune = root.sys.tune_mount_configuration
    expect(refused(wrong, "cannot downgrade", tune, "plain", options={"version": "1"}), "there is no way back")


def main():
    root = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])
    root.sys.enable_secrets_engine("kv", path=MOUNT, options={"version": "2"})
    kv = Mounted(root.secrets.kv.v2)
    step("creates and reads")
    create_and_read(kv)
    step("writes by check-and-set, and patches")
    check_and_set(kv)
    step("deletes, undeletes and destroys")
    delete_and_undelete(kv)
    step("keeps metadata")
    metadata(kv)
    step("configures the mount")
    configure(kv)
    step("upgrades a mount of version 1")
    upgrade(root)
    print("all done")


class Mounted:
    """The interface with its mount filled in."""

    def __init__(self, kv):
        self.kv = kv

    def __getattr__(self, name):
        return lambda **arguments: getattr(self.kv, name)(mount_point=MOUNT, **arguments)


main()
