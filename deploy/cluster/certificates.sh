#!/bin/sh
# Makes a certificate authority of its own for one Dask cluster, and certificates for scheduler, workers and clients.
#
#   deploy/cluster/certificates.sh FOLDER [DAYS]
#
# Whoever holds a certificate of this authority runs code on the cluster: keep FOLDER private, give workers and
# clients only their own two files and ca.pem, and throw ca-key.pem away when all are made. Host names are not
# checked by Dask; the authority is what tells friend from stranger.
set -eu

folder=${1:?"usage: certificates.sh FOLDER [DAYS]"}
days=${2:-30}
umask 077
mkdir -p "$folder"
cd "$folder"
[ ! -e ca.pem ] || { echo "$folder holds certificates already" >&2; exit 1; }

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

key ca-key.pem
openssl req -x509 -new -key ca-key.pem -sha256 -days "$days" -subj "/CN=auditor cluster authority" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.pem

for name in scheduler worker client; do
    key "$name-key.pem"
    openssl req -new -key "$name-key.pem" -subj "/CN=auditor $name" -out "$name.csr"
    printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" \
        "extendedKeyUsage=serverAuth,clientAuth" "subjectAltName=DNS:$name" "subjectKeyIdentifier=hash" \
        "authorityKeyIdentifier=keyid" > "$name.ext"
    openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -sha256 -days "$days" \
        -extfile "$name.ext" -out "$name.pem" 2>/dev/null
    rm "$name.csr" "$name.ext"
done
rm -f ca.srl
