# What an instance of the application may do: ask for a user.
path "database/creds/shop" {
  capabilities = ["read"]
}

path "database/creds/shop-brief" {
  capabilities = ["read"]
}
