# The web application gets AWS keys that write, and keeps them alive while it runs.
path "aws/creds/webapp" {
  capabilities = ["read"]
}

path "sys/leases/renew" {
  capabilities = ["update"]
}

path "sys/renew/*" {
  capabilities = ["update"]
}
