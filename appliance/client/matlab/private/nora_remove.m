function nora_remove(path)
%nora_remove  Delete a file, if it is there.
  if exist(path, 'file')
    delete(path);
  end
end
