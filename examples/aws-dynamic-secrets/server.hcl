# One encrypted file, one listener. TLS is off because nothing leaves this machine.
storage "sqlite" {
  path = "data.db"
}

listener "tcp" {
  address     = "127.0.0.1:8200"
  tls_disable = true
}
