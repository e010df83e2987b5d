function info = DPX_SQL_getFileInfo(path)
%DPX_SQL_getFileInfo  Tell what the catalog knows of a file: psid, path, tags, file_id.
  [text, code] = DPX_nora('--select', '--json', nora_absolute(path));
  if code ~= 0
    error('NORA:failed', '%s is not in the catalog', path);
  end
  found = nora_cells(jsondecode(text));
  info = found{1};
end
