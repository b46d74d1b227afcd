# Kagari. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := all
VERSION := 0.1.0

# BUILD=release (default) or san: the same sources under AddressSanitizer and UndefinedBehaviorSanitizer.
BUILD ?= release
B := build/$(BUILD)

PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc

PACKAGES := libmicrohttpd libpq libssl libcrypto libcjson gnutls zlib libcurl libpcre2-8 libutf8proc libsystemd libxml-2.0 libarchive gmp
DEBIAN := build-essential pkg-config libmicrohttpd-dev libpq-dev libssl-dev libcjson-dev check libgnutls28-dev zlib1g-dev \
  libcurl4-openssl-dev libpcre2-dev libutf8proc-dev libsystemd-dev libxml2-dev libarchive-dev libgmp-dev \
  postgresql postgresql-contrib curl openssl python3 git clang clang-format systemd

WARN := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla -Wformat=2
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection
OPT_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
OPT_san := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LINK_san := -fsanitize=address,undefined
OPT_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -Wno-error
LINK_fuzz := -fsanitize=fuzzer,address,undefined

CFLAGS_ALL = -std=c17 -D_GNU_SOURCE -DKAGARI_VERSION='"$(VERSION)"' -Iinclude $(WARN) $(HARDEN) $(OPT_$(BUILD)) \
  -Itests $(PACKAGE_CFLAGS) -MMD -MP $(CFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack $(LINK_$(BUILD)) $(LDFLAGS)
LIBS = $(PACKAGE_LIBS) -lpthread -lm
# Asked for once, when first needed: `make deps all` installs pkg-config on the way.
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) check))$(PACKAGE_CFLAGS)
PACKAGE_LIBS = $(eval PACKAGE_LIBS := $(shell pkg-config --libs $(PACKAGES)))$(PACKAGE_LIBS)

SRC := $(filter-out src/main.c src/distil.c,$(wildcard src/*.c src/*/*.c))
OBJ := $(SRC:%.c=$(B)/%.o)
# Data that is part of the binary: definitions, sample patients, migrations.
DATA := $(sort $(wildcard conf/definitions/*.txt conf/identity.txt conf/samples/*.json sql/*.sql))
$(B)/src/base/embed.o: CFLAGS += -I$(B)
$(B)/src/base/embed.o: $(B)/embedded.def $(DATA)
$(B)/embedded.def: FORCE
	@mkdir -p $(@D)
	@i=0; for f in $(DATA); do echo "EMBED($$i, \"$$f\")"; i=$$((i + 1)); done > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

UNIT := $(wildcard tests/unit/*/test_*.c tests/flow/test_*.c tests/wire/test_*.c)
SUPPORT := $(wildcard tests/support/*.c)

# Test suites are found by name, not by a header.
$(B)/tests/%.o: WARN += -Wno-missing-prototypes

all: $(B)/kagari ## build the binary: build/release/kagari

# V=1 shows the whole commands.
Q := $(if $(V),,@)
CC_LINE = @$(if $(V),:,echo "  CC")

$(B)/kagari: $(B)/src/main.o $(B)/libkagari.a
	$(CC_LINE) $@
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(B)/libkagari.a $(LIBS)

$(B)/libkagari.a: $(OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $(OBJ)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC_LINE) $@
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<

# One runner for all unit, flow and wire tests; each test_<file>.c has a Suite *suite_<module>_<file>(void).
$(B)/tests/suites.c: $(UNIT) Makefile
	@mkdir -p $(@D)
	@{ echo '#include <check.h>'; \
	   grep -hoE '^Suite \*suite_[a-z0-9_]+' $(UNIT) /dev/null | sed 's/Suite \*//' | sort > $@.names; \
	   sed 's/.*/Suite *&(void);/' $@.names; \
	   echo 'Suite *(*const all_suites[])(void) = {'; sed 's/$$/,/' $@.names; echo '0};'; } > $@

# Flow tests catch the answers where they would be sent (tests/support/flow.c), and count what a request costs
# (tests/support/cost.c).
WRAPPED := http_respond http_stream http_stream_resume malloc calloc realloc json_parse db__rows PQexec PQexecParams PQexecPrepared PQprepare \
  PQsendQuery PQsendQueryParams PQsendQueryPrepared PQsendPrepare PQpipelineSync
$(B)/unit-tests: LDFLAGS_ALL += $(WRAPPED:%=-Wl,--wrap=%)
$(B)/unit-tests: $(UNIT:%.c=$(B)/%.o) $(SUPPORT:%.c=$(B)/%.o) $(B)/tests/suites.o $(B)/libkagari.a
	$(CC_LINE) $@
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(B)/libkagari.a $(shell pkg-config --libs check) $(LIBS)

$(B)/tests/suites.o: $(B)/tests/suites.c
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<

deps: ## install the Debian packages that building, running and testing need
	@missing=$$(comm -23 <(printf '%s\n' $(DEBIAN) | sort) \
	    <(dpkg-query -W -f='$${db:Status-Abbrev}$${Package}\n' $(DEBIAN) 2>/dev/null | sed -n 's/^ii *//p' | sort)); \
	[ -n "$$missing" ] || exit 0; \
	as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
	$$as_root apt-get update -q && \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing

run: deps ## start a development server of your own (ARGS="--port 9443 …", see kagari dev --help)
	@$(MAKE) --no-print-directory all
	@exec $(B)/kagari dev $(ARGS)

test: ## build both ways, run every test, end with one line that counts them
	@$(MAKE) --no-print-directory BUILD=release build/release/kagari build/release/unit-tests build/release/bench-load
	@$(MAKE) --no-print-directory BUILD=san build/san/kagari build/san/unit-tests
	@tests/run release san

SOAK_SECONDS ?= 600
soak: $(B)/kagari ## ten minutes of mixed load; fails when memory grows (SOAK_SECONDS)
	@KAGARI=$(B)/kagari tests/fault/soak.py $(SOAK_SECONDS)

BENCH := $(patsubst %,$(B)/bench-%,load statement validate)
bench: $(B)/kagari $(BENCH) ## compare with pgbench (BENCH_SECONDS, BENCH_SCALE and others: tests/bench/run)
	@tests/bench/run

bench-data: $(B)/kagari $(B)/bench-load ## load BENCH_SCALE (1: 60,000 resources) into the folder BENCH_DATA, or go on loading it; prints its growth
	@tests/bench/loading.py $(BENCH_DATA) $(BENCH_SCALE)

bench-check: $(B)/kagari $(BENCH) ## bench, and fail when a ratio lost a tenth of the accepted one
	@tests/bench/check

bench-plans: $(B)/unit-tests ## the plans of every shape of search on a million rows (BENCH_ROWS), some minutes
	@KAGARI_PLAN_ROWS=$(or $(BENCH_ROWS),1000000) tests/support/with-db $< search_where

bench-flame: $(B)/kagari $(BENCH) ## flame graphs of reads, creates and searches: build/bench/flame-*.svg; needs perf
	@tests/bench/flame

bench-fhirpath: $(B)/bench-fhirpath ## compare FHIRPath with fhirpath.js; needs node and npm (BENCH_ROUNDS, BENCH_US)
	@tests/bench/run-fhirpath

bench-validate: $(B)/bench-validate ## resources validated a second (BENCH_EXAMPLES, BENCH_PACKAGES, BENCH_PROFILED: paths)
	@$< $(if $(BENCH_EXAMPLES),--examples $(BENCH_EXAMPLES)) $(BENCH_PACKAGES:%=--package %) $(BENCH_PROFILED:%=--profiled %)

.SECONDARY: $(patsubst %,$(B)/tests/bench/%.o,load statement fhirpath validate)
$(B)/bench-%: $(B)/tests/bench/%.o $(B)/libkagari.a
	$(CC_LINE) $@
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(B)/libkagari.a $(LIBS)

HEADERS := $(wildcard include/*/*.h)
lint: all $(HEADERS:%=lint-%) ## check the rules that the compiler does not know
	tests/lint/includes
	tests/lint/banned
	tests/lint/text
	tests/lint/config $(B)/kagari
	tests/lint/messages
	tests/support/with-db tests/lint/citus $(B)/kagari
	tests/lint/format
	systemd-analyze security --offline=true --threshold=20 --no-pager conf/kagari.service | tail -n 1

# Every header compiles by itself.
$(HEADERS:%=lint-%): lint-%:
	@$(CC) $(filter-out -MMD -MP,$(CFLAGS_ALL)) -fsyntax-only -x c -include $* /dev/null

conformance: all ## the conformance suites as a table (SUITES="rest synthea …"); some need ../shared or the network
	@tests/conformance/run $(SUITES)

FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
TARGET ?= $(FUZZ)
SECONDS ?= 30
fuzz: ## fuzz every parser, or TARGET, for SECONDS (30) each
	@$(MAKE) --no-print-directory BUILD=fuzz CC=clang $(TARGET:%=build/fuzz/fuzz_%)
	@tests/fuzz/run $(SECONDS) $(TARGET)

$(FUZZ:%=build/fuzz/fuzz_%): build/fuzz/%: build/fuzz/tests/fuzz/%.o build/fuzz/libkagari.a
	$(CC_LINE) $@
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< build/fuzz/libkagari.a $(LIBS)

# The FHIR packages that the definitions are distilled from: the specification, and what completes its value sets.
FHIR_PACKAGES := hl7.fhir.r4.examples@4.0.1 hl7.fhir.r4.expansions@4.0.1 hl7.terminology.r4@7.0.1 \
  hl7.fhir.uv.extensions.r4@5.3.0-ballot-tc1
definitions: $(B)/distil ## (maintainers) fetch the FHIR packages and distil conf/definitions/ from them
	@conf/definitions/fetch build/packages
	$(B)/distil conf/definitions build/packages/ucumDefs.json $(foreach p,$(FHIR_PACKAGES),build/packages/$(subst @,-,$(p)).tgz)

$(B)/distil: $(B)/src/distil.o $(B)/libkagari.a
	$(CC_LINE) $@
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(B)/libkagari.a $(LIBS)

BINDIR = $(PREFIX)/bin
SYSCONFDIR ?= /etc
install: all ## install under PREFIX (/usr/local), below DESTDIR; an existing configuration stays
	install -D -m 755 $(B)/kagari $(DESTDIR)$(BINDIR)/kagari
	install -D -m 644 docs/kagari.8 $(DESTDIR)$(PREFIX)/share/man/man8/kagari.8
	install -D -m 644 conf/kagari.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/kagari.conf
	install -D -m 644 conf/kagari.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/kagari.conf
	install -D -m 644 conf/kagari.service $(DESTDIR)$(PREFIX)/lib/systemd/system/kagari.service
	sed -i 's|/usr/local/bin|$(BINDIR)|' $(DESTDIR)$(PREFIX)/lib/systemd/system/kagari.service
	[ -e $(DESTDIR)$(SYSCONFDIR)/kagari/kagari.conf ] || \
	  install -D -m 640 conf/kagari.conf $(DESTDIR)$(SYSCONFDIR)/kagari/kagari.conf

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

clean: ## remove everything that was built
	rm -rf build

-include $(shell find build/$(BUILD) -name '*.d' 2>/dev/null)
.PHONY: FORCE all deps run test soak bench bench-data bench-check bench-plans bench-flame bench-fhirpath bench-validate lint conformance fuzz definitions install help clean $(HEADERS:%=lint-%)
