package fakeaws

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"
)

// CA is the certificate, in PEM, that a client must trust to speak to AWS host
// names here: what AWS_CA_BUNDLE takes.
func (s *Server) CA() []byte { return s.authority.pem }

// connect serves what comes out of a tunnel as the host that it leads to.
func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	conn.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	s.serveTLS(conn)
}

// Dial connects to the server as whatever host is asked for: the DialContext of a
// client that believes it is on AWS's network. Ports other than 443 speak plain
// HTTP, as the metadata service does.
func (s *Server) Dial(_ context.Context, _, address string) (net.Conn, error) {
	client, server := net.Pipe()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if port == "443" {
		go s.serveTLS(server)
	} else {
		go s.serve(server)
	}
	return client, nil
}

func (s *Server) serveTLS(conn net.Conn) {
	s.serve(tls.Server(conn, &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return s.authority.certificate(hello.ServerName)
	}}))
}

func (s *Server) serve(conn net.Conn) {
	l := &oneConn{conn: conn, done: make(chan struct{})}
	server := &http.Server{Handler: s, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed || state == http.StateHijacked {
			l.Close()
		}
	}}
	s.mu.Lock()
	s.servers = append(s.servers, server)
	s.mu.Unlock()
	// A connection that comes while Close runs may be missed by it.
	defer conn.Close()
	select {
	case <-s.closed:
	default:
		server.Serve(l)
	}
}

// oneConn is a listener that has one connection and ends with it.
type oneConn struct {
	conn net.Conn
	done chan struct{}
	once sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// authority issues a certificate for every name it is asked for.
type authority struct {
	pem  []byte
	cert *x509.Certificate
	key  *ecdsa.PrivateKey

	mu     sync.Mutex
	issued map[string]*tls.Certificate
}

func newAuthority() *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fakeaws"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return &authority{
		pem:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		cert: cert, key: key, issued: map[string]*tls.Certificate{},
	}
}

// Certificate returns one for name, signed by the server's CA: for a registry
// that a test puts beside this AWS.
func (s *Server) Certificate(name string) (*tls.Certificate, error) {
	return s.authority.certificate(name)
}

func (a *authority) certificate(name string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.issued[name]; ok {
		return c, nil
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(a.issued) + 2)), DNSNames: []string{name},
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	c := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
	a.issued[name] = c
	return c, nil
}
