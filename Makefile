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
  postgresql postgresql-contrib curl openssl python3 clang libclang-rt-dev clang-format

WARN := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla -Wformat=2
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection
OPT_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
OPT_san := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LINK_san := -fsanitize=address,undefined

CFLAGS_ALL = -std=c17 -D_GNU_SOURCE -DKAGARI_VERSION='"$(VERSION)"' -Iinclude $(WARN) $(HARDEN) $(OPT_$(BUILD)) \
  -Itests $(shell pkg-config --cflags $(PACKAGES) check) -MMD -MP $(CFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack $(LINK_$(BUILD)) $(LDFLAGS)
LIBS = $(shell pkg-config --libs $(PACKAGES)) -lpthread -lm

SRC := $(filter-out src/main.c src/distil.c,$(wildcard src/*.c src/*/*.c))
OBJ := $(SRC:%.c=$(B)/%.o)
# Data that is part of the binary: definitions and migrations.
DATA := $(wildcard conf/definitions/*.txt sql/*.sql)
UNIT := $(wildcard tests/unit/*/test_*.c tests/flow/test_*.c)
SUPPORT := $(wildcard tests/support/*.c)

all: $(B)/kagari ## build the binary: build/release/kagari

$(B)/kagari: $(B)/src/main.o $(B)/libkagari.a
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(B)/libkagari.a $(LIBS)

$(B)/libkagari.a: $(OBJ)
	@rm -f $@
	ar rcs $@ $(OBJ)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

# One runner for all unit and flow tests; each test_<file>.c has a Suite *suite_<module>_<file>(void).
$(B)/tests/suites.c: $(UNIT) Makefile
	@mkdir -p $(@D)
	@{ echo '#include <check.h>'; \
	   grep -hoE '^Suite \*suite_[a-z0-9_]+' $(UNIT) /dev/null | sed 's/Suite \*//' | sort > $@.names; \
	   sed 's/.*/Suite *&(void);/' $@.names; \
	   echo 'Suite *(*const all_suites[])(void) = {'; sed 's/$$/,/' $@.names; echo '0};'; } > $@

$(B)/tests/unit: $(UNIT:%.c=$(B)/%.o) $(SUPPORT:%.c=$(B)/%.o) $(B)/tests/suites.o $(B)/libkagari.a
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(B)/libkagari.a $(shell pkg-config --libs check) $(LIBS)

$(B)/tests/suites.o: $(B)/tests/suites.c
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

deps: ## install the Debian packages that building, running and testing need
	@missing=$$(dpkg-query -W -f='$${Package} $${Status}\n' $(DEBIAN) 2>/dev/null | grep -v 'install ok installed' | cut -d' ' -f1; \
	  for p in $(DEBIAN); do dpkg-query -W $$p >/dev/null 2>&1 || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  s=; [ "$$(id -u)" = 0 ] || s=sudo; \
	  $$s apt-get update -q && DEBIAN_FRONTEND=noninteractive $$s apt-get install -y -q --no-install-recommends $$missing; \
	fi

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

clean: ## remove everything that was built
	rm -rf build

-include $(shell find build/$(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all deps help clean
