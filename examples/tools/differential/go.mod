module github.com/spindrift-go/spindrift/examples/tools/differential

go 1.26.0

toolchain go1.26.8

replace github.com/spindrift-go/spindrift => ../../..

require (
	github.com/gorilla/websocket v1.5.3
	github.com/spindrift-go/spindrift v0.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/klauspost/compress v1.20.3 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
