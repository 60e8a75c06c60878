// Package wire is what nodes tell each other, as protobuf.
package wire

//go:generate protoc --go_out=. --go_opt=paths=source_relative wire.proto
