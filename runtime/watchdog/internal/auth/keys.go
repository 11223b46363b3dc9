package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // for hashes
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"fwatchdog/internal/upstream"
)

const (
	discoveryPath    = "/.well-known/openid-configuration"
	maxDocumentBytes = 1 << 20     // of a document of the authority
	refetchInterval  = time.Minute // minimum time between requests for the keys
)

// keySet holds the public keys of the token issuer. It fetches them again when a token names an unknown key, so that the
// issuer can rotate its keys.
type keySet struct {
	issuer  string
	address string

	mutex   sync.Mutex
	keys    map[string]crypto.PublicKey
	fetched time.Time
}

// fetchKeys fetches the issuer and its keys from the authority.
func fetchKeys(authority string) (*keySet, error) {
	var description struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := fetchJSON(strings.TrimSuffix(authority, "/")+discoveryPath, &description); err != nil {
		return nil, err
	}
	k := &keySet{issuer: description.Issuer, address: description.Keys}
	return k, k.fetch()
}

func (k *keySet) fetch() error {
	var document struct {
		Keys []webKey `json:"keys"`
	}
	k.fetched = time.Now()
	if err := fetchJSON(k.address, &document); err != nil {
		return err
	}
	keys := map[string]crypto.PublicKey{}
	for _, each := range document.Keys {
		// Keys of an unknown kind are skipped.
		if key, err := each.public(); err == nil {
			keys[each.KeyID] = key
		}
	}
	k.keys = keys
	return nil
}

func (k *keySet) find(id string) crypto.PublicKey {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if key := k.keys[id]; key != nil || time.Since(k.fetched) < refetchInterval {
		return key
	}
	// The old keys stay in use when the authority fails.
	_ = k.fetch()
	return k.keys[id]
}

func fetchJSON(address string, into any) error {
	document, err := upstream.Fetch(address, maxDocumentBytes)
	if err != nil {
		return fmt.Errorf("the token authority (`jwt_auth_authority`) failed: %w", err)
	}
	if err := json.Unmarshal(document, into); err != nil {
		return fmt.Errorf("the response of the token authority to `%s` is invalid: %w", address, err)
	}
	return nil
}

// webKey is one key of a JSON Web Key Set.
type webKey struct {
	Kind     string `json:"kty"`
	KeyID    string `json:"kid"`
	Curve    string `json:"crv"`
	Modulus  string `json:"n"`
	Exponent string `json:"e"`
	X        string `json:"x"`
	Y        string `json:"y"`
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

func (k webKey) public() (crypto.PublicKey, error) {
	switch k.Kind {
	case "RSA":
		n, e := number(k.Modulus), number(k.Exponent)
		if n.Sign() > 0 && e.IsInt64() && e.Int64() > 1 {
			return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
		}
	case "EC":
		curve := curves[k.Curve]
		if x, y := number(k.X), number(k.Y); curve != nil && curve.IsOnCurve(x, y) {
			return &ecdsa.PublicKey{Curve: curve, X: x, Y: y}, nil
		}
	case "OKP":
		raw, err := base64.RawURLEncoding.DecodeString(k.X)
		if err == nil && k.Curve == "Ed25519" && len(raw) == ed25519.PublicKeySize {
			return ed25519.PublicKey(raw), nil
		}
	}
	return nil, fmt.Errorf("the kind of the key %q is unknown", k.KeyID)
}

func number(text string) *big.Int {
	raw, _ := base64.RawURLEncoding.DecodeString(text)
	return new(big.Int).SetBytes(raw)
}

var errSignature = errors.New("the signature of the token is invalid")

// hashes are the digests by the last three digits of the name of an algorithm.
var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// verifySignature accepts only the algorithms for the kind of the key, which excludes none and HMAC.
func verifySignature(key crypto.PublicKey, algorithm string, signed, signature []byte) error {
	if len(algorithm) != 5 {
		return fmt.Errorf("the token's algorithm %q is not accepted", algorithm)
	}
	family := algorithm[:2]
	if public, ok := key.(ed25519.PublicKey); ok && algorithm == "EdDSA" {
		if ed25519.Verify(public, signed, signature) {
			return nil
		}
		return errSignature
	}
	hash, known := hashes[algorithm[2:]]
	if !known {
		return fmt.Errorf("the token's algorithm %q is not accepted", algorithm)
	}
	digester := hash.New()
	digester.Write(signed)
	digest := digester.Sum(nil)
	fits := false
	switch public := key.(type) {
	case *rsa.PublicKey:
		switch family {
		case "RS":
			fits = rsa.VerifyPKCS1v15(public, hash, digest, signature) == nil
		case "PS":
			fits = rsa.VerifyPSS(public, hash, digest, signature, nil) == nil
		}
	case *ecdsa.PublicKey:
		size := (public.Curve.Params().BitSize + 7) / 8
		if family == "ES" && len(signature) == 2*size {
			r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
			fits = ecdsa.Verify(public, digest, r, s)
		}
	}
	if !fits {
		return errSignature
	}
	return nil
}
