-- Since 0025 sealed strings and dates are indexed in another form than before: what was stored until then has to be indexed
-- anew, and the server says so until it is ($reindex).
UPDATE index_state i SET form = least(form, 5)
 WHERE EXISTS (SELECT FROM identity_state s WHERE s.tenant = i.tenant AND s.policy <> 0)
   AND EXISTS (SELECT FROM res r WHERE r.tenant = i.tenant);
