# Whoever holds this may make tokens below its own.
path "auth/token/create" {
  capabilities = ["update"]
}
