/* libwebsockets as a peer; see ../README.md. */
#include <libwebsockets.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERSION LWS_LIBRARY_VERSION_MAJOR, LWS_LIBRARY_VERSION_MINOR, LWS_LIBRARY_VERSION_PATCH

enum { NOTHING, ECHO, FIRST, REST, PING, BYE }; /* what to write next */

struct talk {
	char name[32], protocol[32], reason[128], seen[512];
	int code, next, binary;
	unsigned char *message; /* LWS_PRE bytes, then len of the message */
	size_t len;
};

static int done; /* client: the connection has ended */

static void report(struct talk *t, const char *error)
{
	printf("{\"case\": \"%s\", \"code\": %d, \"reason\": \"%s\", \"protocol\": \"%s\", \"seen\": [%s], \"error\": \"%s\"}\n",
	       t->name, t->code, t->reason, t->protocol, t->seen, error);
	fflush(stdout);
	free(t->message);
	t->message = NULL;
	done = 1;
}

/* keep adds a piece to the message; the caller knows when it is whole. */
static void keep(struct lws *wsi, struct talk *t, const void *piece, size_t len)
{
	if (lws_is_first_fragment(wsi)) {
		t->len = 0;
		t->binary = lws_frame_is_binary(wsi);
	}
	t->message = realloc(t->message, LWS_PRE + t->len + len + 1);
	if (len)
		memcpy(t->message + LWS_PRE + t->len, piece, len);
	t->len += len;
}

static void received(struct lws *wsi, struct talk *t, const void *piece, size_t len)
{
	size_t n = strlen(t->seen);

	keep(wsi, t, piece, len);
	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
		return;
	snprintf(t->seen + n, sizeof(t->seen) - n, "%s\"%s %zu\"", n ? ", " : "", t->binary ? "binary" : "text", t->len);
	if (!strcmp(t->name, "close-from"))
		t->next = BYE;
	else if (!strcmp(t->name, "ping-from"))
		t->next = PING;
	else if (!strcmp(t->name, "fragments-from"))
		t->next = FIRST;
	else
		t->next = ECHO;
	lws_callback_on_writable(wsi);
}

/* writable returns -1 to close the connection. */
static int writable(struct lws *wsi, struct talk *t)
{
	int type = t->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT, next = t->next;
	unsigned char ping[LWS_PRE + 16], *message = t->message + LWS_PRE;
	size_t half = t->len / 2;

	t->next = NOTHING;
	switch (next) {
	case ECHO:
		return lws_write(wsi, message, t->len, type) < 0 ? -1 : 0;
	case FIRST:
		t->next = REST;
		lws_callback_on_writable(wsi);
		return lws_write(wsi, message, half, type | LWS_WRITE_NO_FIN) < 0 ? -1 : 0;
	case REST: /* what the header overwrites has been sent */
		return lws_write(wsi, message + half, t->len - half, LWS_WRITE_CONTINUATION) < 0 ? -1 : 0;
	case PING:
		memcpy(ping + LWS_PRE, "spindrift", 9);
		return lws_write(wsi, ping + LWS_PRE, 9, LWS_WRITE_PING) < 0 ? -1 : 0;
	case BYE:
		lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, (unsigned char *)"bye", 3);
		return -1;
	}
	return 0;
}

static void closing(struct talk *t, const unsigned char *p, size_t len)
{
	t->code = 1005;
	if (len < 2)
		return;
	t->code = p[0] << 8 | p[1];
	snprintf(t->reason, sizeof(t->reason), "%.*s", (int)len - 2, (const char *)p + 2);
}

static int callback(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in, size_t len)
{
	struct talk *t = user;
	char path[32] = "";

	switch (why) {
	case LWS_CALLBACK_ESTABLISHED:
		lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI);
		snprintf(t->name, sizeof(t->name), "%s", path[0] ? path + 1 : path);
		if (lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL) > 0)
			snprintf(t->protocol, sizeof(t->protocol), "%s", lws_get_protocol(wsi)->name);
		break;
	case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH: /* headers are gone later */
		lws_hdr_copy(wsi, t->protocol, sizeof(t->protocol), WSI_TOKEN_PROTOCOL);
		break;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		if (!done)
			report(t, in ? in : "no connection");
		break;
	case LWS_CALLBACK_RECEIVE:
	case LWS_CALLBACK_CLIENT_RECEIVE:
		received(wsi, t, in, len);
		break;
	case LWS_CALLBACK_RECEIVE_PONG:
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		if (len == 9 && !memcmp(in, "spindrift", 9)) {
			t->next = ECHO;
			lws_callback_on_writable(wsi);
		}
		break;
	case LWS_CALLBACK_SERVER_WRITEABLE:
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return writable(wsi, t);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		closing(t, in, len);
		break;
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_CLIENT_CLOSED:
		report(t, "");
		break;
	default:
		break;
	}
	return 0;
}

static const struct lws_protocols server_protocols[] = {
	{ "none", callback, sizeof(struct talk), 65536, 0, NULL, 0 },
	{ "chat.v2", callback, sizeof(struct talk), 65536, 0, NULL, 0 },
	{ "chat.v1", callback, sizeof(struct talk), 65536, 0, NULL, 0 },
	{ NULL, NULL, 0, 0, 0, NULL, 0 }
};

/* A client brings its own struct talk. */
static const struct lws_protocols client_protocols[] = {
	{ "none", callback, 0, 65536, 0, NULL, 0 },
	{ "chat.v2", callback, 0, 65536, 0, NULL, 0 },
	{ NULL, NULL, 0, 0, 0, NULL, 0 }
};

static const struct lws_extension deflate[] = {
	{ "permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate; client_max_window_bits" },
	{ NULL, NULL, NULL }
};

static struct lws_vhost *vhost(struct lws_context *context, const char *name, const struct lws_protocols *protocols)
{
	struct lws_context_creation_info info = { 0 };

	info.vhost_name = name;
	info.iface = "127.0.0.1";
	info.port = protocols == client_protocols ? CONTEXT_PORT_NO_LISTEN : 0;
	info.protocols = protocols;
	info.extensions = strcmp(name, "declined") ? deflate : NULL;
	return lws_create_vhost(context, &info);
}

static int client(const char *authority)
{
	struct lws_context_creation_info info = { 0 };
	struct lws_context *context;
	struct lws_vhost *willing, *declined;
	char name[32], url[256];

	info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	context = lws_create_context(&info);
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.vhost_name = "willing";
	info.protocols = client_protocols;
	info.extensions = deflate;
	info.client_ssl_ca_filepath = authority;
	willing = lws_create_vhost(context, &info);
	declined = vhost(context, "declined", client_protocols);
	if (!willing || !declined)
		return 1;
	printf("{\"version\": \"libwebsockets %d.%d.%d\"}\n", VERSION);
	fflush(stdout);
	while (scanf("%31s %255s", name, url) == 2) {
		struct talk t = { 0 };
		struct lws_client_connect_info i = { 0 };
		const char *scheme, *path;
		char slashed[64];

		strcpy(t.name, name);
		if (lws_parse_uri(url, &scheme, &i.address, &i.port, &path))
			return 1;
		snprintf(slashed, sizeof(slashed), "/%s", path);
		i.context = context;
		i.vhost = strcmp(name, "declined") ? willing : declined;
		i.path = slashed;
		i.host = i.address;
		i.userdata = &t;
		i.local_protocol_name = "none";
		if (!strcmp(name, "subprotocol"))
			i.protocol = "chat.v9, chat.v2";
		i.ssl_connection = strcmp(scheme, "wss") ? 0 : LCCSCF_USE_SSL;
		done = 0;
		if (!lws_client_connect_via_info(&i) && !done)
			report(&t, "no connection");
		while (!done && lws_service(context, 0) >= 0)
			;
	}
	lws_context_destroy(context);
	return 0;
}

/* leave ends a server when its standard input ends. */
static void *leave(void *unused)
{
	char c;

	while (read(0, &c, 1) > 0)
		;
	_exit(0);
	return unused;
}

static int server(const char *cert, const char *key)
{
	struct lws_context_creation_info info = { 0 };
	struct lws_context *context;
	struct lws_vhost *plain, *tls, *declined;
	pthread_t leaver;

	info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	context = lws_create_context(&info);
	plain = vhost(context, "plain", server_protocols);
	declined = vhost(context, "declined", server_protocols);
	info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info.vhost_name = "tls";
	info.iface = "127.0.0.1";
	info.port = 0;
	info.protocols = server_protocols;
	info.extensions = deflate;
	info.ssl_cert_filepath = cert;
	info.ssl_private_key_filepath = key;
	tls = lws_create_vhost(context, &info);
	if (!plain || !declined || !tls || pthread_create(&leaver, NULL, leave, NULL))
		return 1;
	printf("{\"version\": \"libwebsockets %d.%d.%d\", \"plain\": %d, \"tls\": %d, \"declined\": %d}\n", VERSION,
	       lws_get_vhost_listen_port(plain), lws_get_vhost_listen_port(tls), lws_get_vhost_listen_port(declined));
	fflush(stdout);
	while (lws_service(context, 0) >= 0)
		;
	return 1;
}

int main(int argc, char **argv)
{
	lws_set_log_level(LLL_ERR | LLL_WARN, NULL);
	if (argc == 3 && !strcmp(argv[1], "client"))
		return client(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "server"))
		return server(argv[2], argv[3]);
	fprintf(stderr, "usage: peer client CA.pem | peer server CERT.pem KEY.pem\n");
	return 2;
}
