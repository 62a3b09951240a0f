# The support team gets AWS keys that read, and keeps them alive while it works.
path "aws/creds/support" {
  capabilities = ["read"]
}

path "sys/leases/renew" {
  capabilities = ["update"]
}

path "sys/renew/*" {
  capabilities = ["update"]
}
