-- Code systems that were imported: the compact form that servers work with, in pieces. The CodeSystem names the image.
CREATE TABLE code_system_image (
    tenant int4 NOT NULL,
    id     text COLLATE "C" NOT NULL,          -- of its content
    n      int4 NOT NULL,
    data   bytea COMPRESSION lz4 NOT NULL,
    PRIMARY KEY (tenant, id, n)
);
