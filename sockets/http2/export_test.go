package http2

// Mentions is tested from outside: what tests in this package import would be initialised before it.
var Mentions = mentions
