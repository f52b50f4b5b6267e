-- With which images devices came to grief. [running-3]
CREATE INDEX action_wrong ON action (path) WHERE state IN (7, 8);
CREATE INDEX image_named ON image (version, product);
