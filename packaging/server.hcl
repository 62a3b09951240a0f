# The configuration of the server that the package installs. It serves this host alone; what else can be written here:
# /usr/share/doc/leasehold/guide.md

storage "sqlite" {
  path = "/var/lib/leasehold/leasehold.db"
}

# Nobody but this host listens here. For others give it an address, tls_cert_file and tls_key_file, and take tls_disable away.
listener "tcp" {
  address     = "127.0.0.1:8200"
  tls_disable = true
}

# File audit devices may write here.
audit_directory = "/var/log/leasehold"

# To unseal without people, have systemd hand over the key (see seal.conf beside this file's documentation):
# seal "static" {
#   current_key_id = "1"
#   current_key    = "credential://seal-key"
# }
