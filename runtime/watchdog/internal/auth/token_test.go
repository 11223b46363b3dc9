package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"time"
)

func TestPatternsAreComparedAsAWhole(t *testing.T) {
	for _, each := range []struct {
		pattern string
		want    bool
	}{
		{"*", true}, {"ns:*", true}, {"*:fn", true}, {"ns:f*", true}, {"ns:fn", true}, {"n*:*n", true}, {"**", true}, {"ns:fn*", true},
		{"fn", false}, {"s:f", false}, {"ns:", false}, {"", false}, {"ns:fn*n", false}, {"n*z*n", false}, {"*s:f", false},
	} {
		if got := matches(each.pattern, "ns:fn"); got != each.want {
			t.Errorf("%q: got %t", each.pattern, got)
		}
	}
}

func TestTimesOfATokenHaveALeeway(t *testing.T) {
	now := time.Unix(1000, 0)
	at := func(seconds float64) *float64 { return &seconds }
	for _, each := range []struct {
		expires, notBefore *float64
		valid              bool
	}{{nil, nil, true}, {at(999), nil, true}, {at(998), nil, false}, {nil, at(1001), true}, {nil, at(1002), false}} {
		c := claims{Issuer: "i", Audience: stringList{"i"}, Expires: each.expires, NotBefore: each.notBefore}
		if got := c.valid("i", now) == nil; got != each.valid {
			t.Errorf("%+v: got %t", each, got)
		}
	}
}

func TestSignaturesOfEveryKind(t *testing.T) {
	signed := []byte("header.claims")
	digest := sha256.Sum256(signed)
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	edPublic, edKey, _ := ed25519.GenerateKey(rand.Reader)
	pkcs, _ := rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.SHA256, digest[:])
	pss, _ := rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, digest[:], nil)
	r, s, _ := ecdsa.Sign(rand.Reader, ecKey, digest[:])
	ec := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	for _, each := range []struct {
		algorithm string
		key       crypto.PublicKey
		signature []byte
	}{{"RS256", &rsaKey.PublicKey, pkcs}, {"PS256", &rsaKey.PublicKey, pss}, {"ES256", &ecKey.PublicKey, ec}, {"EdDSA", edPublic, ed25519.Sign(edKey, signed)}} {
		if err := verifySignature(each.key, each.algorithm, signed, each.signature); err != nil {
			t.Errorf("%s: %v", each.algorithm, err)
		}
		if verifySignature(each.key, each.algorithm, []byte("header.other"), each.signature) == nil {
			t.Errorf("%s: a signature of something else is accepted", each.algorithm)
		}
		for _, other := range []string{"none", "HS256", "RS999", ""} {
			if verifySignature(each.key, other, signed, each.signature) == nil {
				t.Errorf("%s: accepted as %q", each.algorithm, other)
			}
		}
	}
}

func TestKeysThatCannotBeUsedAreRefused(t *testing.T) {
	point := base64.RawURLEncoding.EncodeToString([]byte("not on the curve"))
	for _, key := range []webKey{{Kind: "oct"}, {Kind: "RSA"}, {Kind: "EC", Curve: "P-256", X: point, Y: point}, {Kind: "OKP", Curve: "Ed25519", X: point}} {
		if _, err := key.public(); err == nil {
			t.Errorf("%+v is accepted", key)
		}
	}
}
