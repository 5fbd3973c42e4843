#!/usr/bin/env bash
# Makes the certificates beside this file again: a private authority, a good server certificate, and one for another name.
set -euo pipefail
cd "$(dirname "$0")"
key() { openssl req "$@" -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500; }
sign() { openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 36500 -extfile names -out "$1"; }
key -x509 -keyout ca.key -out ca.pem -subj "/O=Example Corp/CN=Example Corp Root CA"
key -keyout server.key -out server.csr -subj /CN=localhost
printf 'subjectAltName=DNS:localhost,DNS:mcp.example.test,IP:127.0.0.1,IP:::1\nbasicConstraints=CA:FALSE\n' >names
sign server.pem
printf 'subjectAltName=DNS:other.example.test\nbasicConstraints=CA:FALSE\n' >names
sign other.pem
rm -f ca.key ca.srl server.csr names
