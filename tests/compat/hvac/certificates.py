"""Signing in by a client certificate with the Python library hvac.

Reads VAULT_ADDR (TLS), VAULT_TOKEN, and the files CA (of the server), CLIENT_CA, CLIENT_CERT and CLIENT_KEY.
Prints each step; leaves with an error at the first that is not as it should be.
"""

import os

import hvac
import hvac.exceptions


def expect(condition, what):
    print(f"- {what}", flush=True)
    if not condition:
        raise SystemExit(f"not so: {what}")


def main():
    url, ca = os.environ["VAULT_ADDR"], os.environ["CA"]
    with open(os.environ["CLIENT_CA"], encoding="ascii") as file:
        authority = file.read()
    root = hvac.Client(url=url, token=os.environ["VAULT_TOKEN"], verify=ca)
    root.auth.cert.create_ca_certificate_role(
        "web", certificate=authority, allowed_common_names="*.example", token_policies=["app"], token_ttl=600
    )
    expect(root.auth.cert.list_certificate_roles()["data"]["keys"] == ["web"], "the role is listed")
    role = root.auth.cert.read_ca_certificate_role("web")["data"]
    expect(role["allowed_common_names"] == ["*.example"] and role["token_ttl"] == 600, "and shown as it was written")

    client = hvac.Client(url=url, verify=ca)
    answer = client.auth.cert.login(
        name="web", cert_pem=os.environ["CLIENT_CERT"], key_pem=os.environ["CLIENT_KEY"]
    )
    expect("app" in answer["auth"]["policies"], "a client certificate signs in")
    expect(client.is_authenticated(), "the token is good")
    shown = (os.environ["CLIENT_CERT"], os.environ["CLIENT_KEY"])
    same = hvac.Client(url=url, verify=ca, cert=shown, token=client.token)
    expect(same.auth.token.renew_self()["auth"]["lease_duration"] == 600, "and renewed with its certificate")
    try:
        hvac.Client(url=url, verify=ca, token=client.token).auth.token.renew_self()
        expect(False, "and not without")
    except hvac.exceptions.InvalidRequest:
        expect(True, "and not without")

    root.auth.cert.configure_tls_certificate(disable_binding=True)
    root.auth.cert.delete_certificate_role("web")
    try:
        client.auth.cert.login(cert_pem=os.environ["CLIENT_CERT"], key_pem=os.environ["CLIENT_KEY"])
        expect(False, "without the role nobody signs in")
    except hvac.exceptions.InvalidRequest:
        expect(True, "without the role nobody signs in")
    print("all done")


main()
