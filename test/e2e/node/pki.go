//go:build linux

package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"path/filepath"
	"time"
)

// An authority signs the certificates of a cluster, and puts them into a directory.
type authority struct {
	n    *Node
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (n *Node) newAuthority(dir string) *authority {
	n.t.Helper()
	a := &authority{n: n, dir: dir, key: n.newKey()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		n.t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		n.t.Fatal(err)
	}
	n.writePEM(a.file("ca.crt"), "CERTIFICATE", der)
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// issue writes NAME.crt and NAME.key, for a server at the addresses, or for a client
// if there are none.
func (a *authority) issue(name string, subject pkix.Name, addresses ...string) {
	a.n.t.Helper()
	key := a.n.newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: subject,
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.n.t.Fatal(err)
	}
	a.n.writePEM(a.file(name+".crt"), "CERTIFICATE", der)
	a.n.writeKey(a.file(name+".key"), key)
}

// client is the TLS of a client with that certificate.
func (a *authority) client(name string) *tls.Config {
	a.n.t.Helper()
	certificate, err := tls.LoadX509KeyPair(a.file(name+".crt"), a.file(name+".key"))
	if err != nil {
		a.n.t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(a.cert)
	return &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{certificate}}
}

func (n *Node) newKey() *ecdsa.PrivateKey {
	n.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		n.t.Fatal(err)
	}
	return key
}

func (n *Node) writeKey(file string, key *ecdsa.PrivateKey) {
	n.t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		n.t.Fatal(err)
	}
	n.writePEM(file, "EC PRIVATE KEY", der)
}

func (n *Node) writePEM(file, kind string, der []byte) {
	n.t.Helper()
	n.write(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
