function info = DPX_getFileinfo(path)
%DPX_getFileinfo  Tell project, subject and study of a file from its place alone; asks no database.
  place = nora_absolute(path);
  folder = fileparts(place);
  while ~exist(fullfile(folder, '.nora-storage'), 'file')
    above = fileparts(folder);
    if strcmp(above, folder)
      error('NORA:failed', '%s does not lie in a project of the data folder', path);
    end
    folder = above;
  end
  parts = strsplit(place(numel(folder) + 2:end), '/');
  if numel(parts) < 4
    error('NORA:failed', '%s does not lie in a study', path);
  end
  info.project = parts{1};
  info.patients_id = parts{2};
  info.studies_id = parts{3};
  info.psid = [parts{2}, '#', parts{3}];
  info.subfolder = strjoin(parts(4:end - 1), '/');
  info.filename = parts{end};
  info.fullpath = place;
end
